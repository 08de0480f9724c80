"""Who may sign for a log: its keys in the order they were in office, and the witnesses an auditor trusts.

A key file holds verifier keys, one a line: the log's (Ed25519, and ML-DSA-44 under the log's own
name if it has that second signature) and those of witnesses. '#' begins a remark.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from appliance.evidence.faults import N_, Unsound, unsound
from appliance.evidence.rotation import ROTATION_HEADER, LogKeys, Rotation, split_statements
from appliance.tlog.cosign import CosignerKey
from appliance.tlog.faults import NoteError
from appliance.tlog.note import (
    ED25519,
    Checkpoint,
    Note,
    Verifier,
    parse_checkpoint,
    parse_key,
)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that holds: whose, when it was made in POSIX seconds, over how many entries."""

    name: str
    time: int
    size: int


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The log's first key that is known, its second one, what replaced them since, and witnesses."""

    log: Verifier
    replaced: tuple[Rotation, ...] = ()
    second: CosignerKey | None = None
    witnesses: tuple[CosignerKey, ...] = field(default=())

    @classmethod
    def parse(cls, text: str, *more: str) -> "KeyRing":
        """From a key file and texts of witnesses' keys. `Unsound` when there is no log key in it.

        Statements of replaced keys may stand below the keys.
        """
        texts = [one.partition(ROTATION_HEADER) for one in (text, *more)]
        log, cosigners = _keys("\n".join(keys for keys, _, _ in texts))
        second = next((key for key in cosigners if key.name == log.name), None)
        ring = cls(log, (), second, tuple(key for key in cosigners if key.name != log.name))
        return ring.following("".join(f"{mark}{rest}\n" for _, mark, rest in texts if mark))

    def following(self, notes: str) -> "KeyRing":
        """With the replacements stated in `notes`, signed notes one after another, oldest first.

        Unchanged when there are none. `Unsound` for statements that do not hold, have a gap, or know
        nothing of the key that is trusted.
        """
        try:
            rotations = [Rotation.open(note) for note in split_statements(notes)]
            if any(one.new != after.old or one.size > after.size for one, after in pairwise(rotations)):
                raise NoteError("a gap")
            if not set(rotations) <= set(self.replaced) and not self._is_in(
                [rotations[0].old, *(one.new for one in rotations)]
            ):
                raise NoteError("not of the key that is trusted")
        except NoteError as error:
            raise unsound(
                "rotation", N_("A statement of a new key does not hold: %(error)s."), error=error
            ) from None
        if set(rotations) <= set(self.replaced):
            return self
        oldest = rotations[0].old
        return KeyRing(oldest.first, tuple(rotations), oldest.second, self.witnesses)

    def _is_in(self, chain: list[LogKeys]) -> bool:
        """Whether the keys known so far are part of a chain; a second key that is known must be, too."""
        return all(
            any(told.first == ours.first and ours.second in (None, told.second) for told in chain)
            for _, ours in self.in_office()
        )

    def in_office(self) -> list[tuple[int, LogKeys]]:
        """(size after which they sign, keys), oldest first."""
        return [(0, LogKeys(self.log, self.second)), *((one.size, one.new) for one in self.replaced)]

    @property
    def newest(self) -> LogKeys:
        return self.in_office()[-1][1]

    def checkpoint(self, text: str, file: str) -> tuple[Checkpoint, tuple[Cosigned, ...]]:
        """The checkpoint and whose cosignatures on it hold. `Unsound` names what does not."""
        try:
            note = Note.parse(text)
            checkpoint = parse_checkpoint(note.text)
            self._check_signature(text, note, checkpoint, file)
            cosigned = [
                Cosigned(key.name, time, checkpoint.size)
                for key in self.witnesses
                for time in key.times(note)
            ]
        except NoteError as error:
            raise unsound(
                "checkpoint", N_("The checkpoint in %(file)s is bad: %(error)s."), file=file, error=error
            ) from None
        return checkpoint, tuple(cosigned)

    def _check_signature(self, text: str, note: Note, checkpoint: Checkpoint, file: str) -> None:
        if checkpoint.origin != self.log.name:
            raise unsound(
                "checkpoint-other-log",
                N_("The checkpoint in %(file)s is of the log %(other)s, the key of %(origin)s."),
                file=file,
                other=checkpoint.origin,
                origin=self.log.name,
            )
        office = self.in_office()
        signers = [at for at, (_, keys) in enumerate(office) if note.of(keys.first.name, keys.first.key_id)]
        if not signers:
            raise unsound(
                "checkpoint-other-key", N_("The checkpoint in %(file)s is signed by another key."), file=file
            )
        for at in signers:
            _check_signed(office[at][1], text, note, file)
        last = signers[-1]
        if last + 1 < len(office) and checkpoint.size > office[last + 1][0]:
            raise unsound(
                "checkpoint-old-key",
                N_(
                    "The checkpoint in %(file)s is signed only by a key that was replaced at "
                    "%(size)d entries."
                ),
                file=file,
                size=office[last + 1][0],
            )


def unknown_signers(text: str, ring: KeyRing) -> list[str]:
    """Names under a checkpoint whose keys the auditor did not give."""
    known = {(key.name, key.key_id) for key in ring.witnesses}
    note = Note.parse(text)
    return [
        one.name
        for one in note.signatures
        if (one.name, one.key_id) not in known and one.name != ring.log.name
    ]


def _keys(text: str) -> tuple[Verifier, list[CosignerKey]]:
    """The one log's key among verifier keys, one a line, and the cosigners'."""
    log: Verifier | None = None
    cosigners: list[CosignerKey] = []
    for word in (line.strip() for line in text.splitlines()):
        if not word or word.startswith("#"):
            continue
        try:
            if parse_key(word)[1] != ED25519:
                cosigners.append(CosignerKey.parse(word))
            elif log is None:
                log = Verifier.parse(word)
            elif word != str(log):
                raise NoteError("a second log's key")
        except NoteError as error:
            raise unsound("key-file", N_("The key file cannot be used: %(error)s."), error=error) from None
    if log is None:
        raise unsound("key-file", N_("The key file cannot be used: %(error)s."), error="it has no log's key")
    return log, cosigners


def _check_signed(keys: LogKeys, text: str, note: Note, file: str) -> None:
    try:
        keys.first.open(text)
        signed = keys.second is None or keys.second.times(note)
    except NoteError:
        raise _forged(file) from None
    if not signed:
        raise unsound(
            "checkpoint-second-key",
            N_("The checkpoint in %(file)s lacks the log's second signature (ML-DSA-44)."),
            file=file,
        )


def _forged(file: str) -> Unsound:
    return unsound(
        "checkpoint-signature",
        N_("The signature of the checkpoint in %(file)s does not hold: it was changed."),
        file=file,
    )
