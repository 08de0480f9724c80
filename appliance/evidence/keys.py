"""Who may sign for a log: its keys in the order they were in office, and the witnesses an auditor trusts.

A key file holds verifier keys, one a line: the log's (Ed25519, and ML-DSA-44 under the log's own
name if it has that second signature) and those of witnesses. '#' begins a remark.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from appliance.evidence.faults import N_, Unsound, unsound
from appliance.tlog.cosign import CosignerKey
from appliance.tlog.note import (
    Checkpoint,
    Note,
    NoteError,
    Verifier,
    parse_checkpoint,
    parse_key,
)

ROTATION_HEADER = "naesil.log/rotation/v1"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that holds: whose, when it was made in POSIX seconds, over how many entries."""

    name: str
    time: int
    size: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """A log's key was replaced once its tree had `size` entries; old and new key both signed this."""

    origin: str
    size: int
    old: str
    new: str
    time: str

    def text(self) -> str:
        return f"{ROTATION_HEADER}\n{self.origin}\n{self.size}\n{self.old}\n{self.new}\n{self.time}\n"

    @classmethod
    def open(cls, note: str) -> "Rotation":
        """The statement, both signatures checked. NoteError otherwise."""
        header, origin, size, old, new, time, *rest = [*note.partition("\n\n")[0].split("\n"), *[""] * 6][:7]
        if header != ROTATION_HEADER or any(rest) or not size.isdecimal():
            raise NoteError("not a statement of a key's replacement")
        rotation = cls(origin, int(size), old, new, time)
        for key in (Verifier.parse(old), Verifier.parse(new)):
            if key.name != origin or key.open(note) != rotation.text():
                raise NoteError("not a statement of a key's replacement")
        return rotation


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The log's first key that is known, what replaced it since, its second key, and witnesses."""

    log: Verifier
    replaced: tuple[Rotation, ...] = ()
    second: CosignerKey | None = None
    witnesses: tuple[CosignerKey, ...] = field(default=())

    @classmethod
    def parse(cls, text: str, *more: str) -> "KeyRing":
        """From a key file and texts of witnesses' keys. `Unsound` when there is no log key in it."""
        log: Verifier | None = None
        cosigners: list[CosignerKey] = []
        for line in "\n".join([text, *more]).splitlines():
            word = line.partition("#")[0].strip() if line.lstrip().startswith("#") else line.strip()
            if not word:
                continue
            try:
                kind = parse_key(word)[1]
                if kind == b"\x01" and log is None:
                    log = Verifier.parse(word)
                elif kind != b"\x01":
                    cosigners.append(CosignerKey.parse(word))
                elif word != str(log):
                    raise NoteError("a second log's key")
            except NoteError as error:
                raise unsound(
                    "key-file", N_("The key file cannot be used: %(error)s."), error=error
                ) from None
        if log is None:
            raise unsound(
                "key-file", N_("The key file cannot be used: %(error)s."), error="it has no log's key"
            )
        second = next((key for key in cosigners if key.name == log.name), None)
        return cls(log, (), second, tuple(key for key in cosigners if key.name != log.name))

    def following(self, notes: str) -> "KeyRing":
        """With the replacements stated in `notes`, signed notes one after another, oldest first.

        Every statement is signed by the old key and the new one, so whoever trusts a key of the
        chain may follow it in both directions.
        """
        try:
            rotations = [Rotation.open(note) for note in split_notes(notes)]
        except NoteError as error:
            raise unsound(
                "rotation", N_("A statement of a new key does not hold: %(error)s."), error=error
            ) from None
        if any(one.new != after.old or one.size > after.size for one, after in pairwise(rotations)):
            raise unsound("rotation", N_("A statement of a new key does not hold: %(error)s."), error="a gap")
        if str(self.log) not in {key for one in rotations for key in (one.old, one.new)}:
            return self
        return KeyRing(Verifier.parse(rotations[0].old), tuple(rotations), self.second, self.witnesses)

    def in_office(self) -> list[tuple[int, Verifier]]:
        """(size from which it signs, key), oldest first."""
        return [(0, self.log), *((one.size, Verifier.parse(one.new)) for one in self.replaced)]

    def key_for(self, size: int) -> Verifier:
        """The key that was in office when a tree of that size was signed; the old one at its last size."""
        return next(key for start, key in reversed(self.in_office()) if start < size or start == 0)

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
        signers = [(start, key) for start, key in self.in_office() if note.of(key.name, key.key_id)]
        if not signers:
            raise unsound(
                "checkpoint-other-key", N_("The checkpoint in %(file)s is signed by another key."), file=file
            )
        for _, key in signers:
            try:
                key.open(text)
            except NoteError:
                raise _forged(file) from None
        ends = [start for start, _ in self.in_office()[1:]]
        last = max(self.in_office().index(signer) for signer in signers)
        if last < len(ends) and checkpoint.size > ends[last]:
            raise unsound(
                "checkpoint-old-key",
                N_(
                    "The checkpoint in %(file)s is signed only by a key that was replaced at "
                    "%(size)d entries."
                ),
                file=file,
                size=ends[last],
            )
        self._check_second(note, file)

    def _check_second(self, note: Note, file: str) -> None:
        if self.second is None:
            return
        try:
            signed = self.second.times(note)
        except NoteError:
            raise _forged(file) from None
        if not signed:
            raise unsound(
                "checkpoint-second-key",
                N_("The checkpoint in %(file)s lacks the log's second signature (ML-DSA-44)."),
                file=file,
            )


def unknown_signers(text: str, ring: KeyRing) -> list[str]:
    """Names under a checkpoint whose keys the auditor did not give."""
    known = {(key.name, key.key_id) for _, key in ring.in_office()}
    known |= {(key.name, key.key_id) for key in (*ring.witnesses, *([ring.second] if ring.second else []))}
    note = Note.parse(text)
    return [
        one.name
        for one in note.signatures
        if (one.name, one.key_id) not in known and one.name != ring.log.name
    ]


def split_notes(text: str) -> list[str]:
    """Signed notes that stand one after another, each with its text, empty line and signatures."""
    notes: list[str] = []
    for part in text.split(ROTATION_HEADER + "\n")[1:]:
        notes.append(f"{ROTATION_HEADER}\n{part}".rstrip("\n") + "\n")
    return notes


def _forged(file: str) -> Unsound:
    return unsound(
        "checkpoint-signature",
        N_("The signature of the checkpoint in %(file)s does not hold: it was changed."),
        file=file,
    )
