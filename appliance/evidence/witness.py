"""A witness: remembers the last checkpoint of each log it watches, cosigns only what extends it.

In its folder: witness.key (secret seed, 0600) and witness.json (name, logs, last checkpoints).
The new checkpoint is on disk before its cosignature is given out, so a crash never lets two
histories be cosigned; asked again, it cosigns the same checkpoint again.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from appliance.evidence.faults import N_, unsound
from appliance.evidence.keys import KeyRing
from appliance.tlog.cosign import ED25519_COSIGNATURE, Cosigner
from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import EMPTY_ROOT, verify_consistency
from appliance.tlog.note import Note, decode64, encode64
from appliance.tlog.proof import ConsistencyProof

WITNESS_KEY_FILE = "witness.key"
WITNESS_STATE_FILE = "witness.json"
SEED_BYTES = 32
REFUSALS = frozenset(
    {"fork", "witness-inconsistent", "witness-conflict", "checkpoint-signature", "checkpoint-other-key"}
)
"""What a witness says no to; whatever else is wrong is wrong use."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A log that is watched: its verifier key and the last checkpoint of it that was cosigned."""

    key: str
    size: int = 0
    root: str = encode64(EMPTY_ROOT)


@dataclass(frozen=True, slots=True)
class WitnessState:
    """What a witness remembers. `kind` is its key's type byte; `logs` by origin."""

    name: str
    kind: int
    logs: dict[str, Watched] = field(default_factory=dict)


def init_witness(folder: Path, name: str, kind: bytes = ED25519_COSIGNATURE) -> str:
    """A new witness; its verifier key. `Unsound` when there is one already or the name is unfit."""
    if not name or any(mark.isspace() or mark == "+" for mark in name):
        raise unsound(
            "witness-name", N_("A witness's name has no spaces and no '+'. Use one like example.org/w1.")
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(folder / WITNESS_KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise unsound("witness-exists", N_("There is a witness in this folder already.")) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(SEED_BYTES))
        file.flush()
        os.fsync(file.fileno())
    _save_state(folder, WitnessState(name, kind[0]))
    return witness_key(folder)


def witness_key(folder: Path) -> str:
    """The verifier key that the log's keeper and auditors need."""
    return str(_cosigner(folder, read_witness(folder)).public)


def watch_log(folder: Path, key_text: str) -> str:
    """Watch the log of this verifier key; its origin. `Unsound` for no key, or another key of a known log.

    With the statements of replaced keys below the key, a known log is watched with the new one from then on.
    """
    ring = KeyRing.parse(key_text)
    key = ring.newest.first
    with _one_cosigner(folder):
        state = read_witness(folder)
        known = state.logs.get(key.name)
        followed = {str(keys.first) for _, keys in ring.in_office()}
        if known is not None and known.key not in followed:
            raise unsound(
                "witness-other-key", N_("The log %(origin)s is watched with another key."), origin=key.name
            )
        watched = Watched(str(key)) if known is None else replace(known, key=str(key))
        if watched != known:
            _save_state(folder, replace(state, logs={**state.logs, key.name: watched}))
    return key.name


def cosign(folder: Path, request: str, now: int) -> str:
    """The checkpoint of a request with this witness's signature below. `Unsound` says why not.

    The request is that of C2SP tlog-witness: the old size, a consistency proof, the checkpoint.
    """
    with _one_cosigner(folder):
        state = read_witness(folder)
        cosigner = _cosigner(folder, state)
        try:
            asked = ConsistencyProof.parse(request)
            origin = asked.note.partition("\n")[0]
        except NoteError as error:
            raise unsound(
                "request-form", N_("This is not a request to cosign: %(error)s."), error=error
            ) from None
        watched = state.logs.get(origin)
        if watched is None:
            raise unsound("witness-unknown-log", N_("The log %(origin)s is not watched here."), origin=origin)
        checkpoint, _ = KeyRing.parse(watched.key).checkpoint(asked.note, "checkpoint")
        _check_extends(watched, asked, checkpoint.size, checkpoint.root)
        seen = Watched(watched.key, checkpoint.size, encode64(checkpoint.root))
        _save_state(folder, replace(state, logs={**state.logs, origin: seen}))
        return asked.note + cosigner.cosign(Note.parse(asked.note).text, now).line()


def read_witness(folder: Path) -> WitnessState:
    """What the witness in this folder remembers. `Unsound` when there is none or it is damaged."""
    path = folder / WITNESS_STATE_FILE
    try:
        values = json.loads(path.read_text("utf-8"))
        logs = {origin: Watched(**log) for origin, log in values["logs"].items()}
        return WitnessState(str(values["name"]), int(values["kind"]), logs)
    except FileNotFoundError:
        raise unsound(
            "witness-none", N_("There is no witness in this folder: run 'witness init' first.")
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unsound(
            "witness-damaged", N_("%(file)s is damaged. Restore it from a backup."), file=path.name
        ) from None


def _check_extends(watched: Watched, asked: ConsistencyProof, size: int, root: bytes) -> None:
    if asked.old > size:
        raise unsound(
            "request-form", N_("This is not a request to cosign: %(error)s."), error="sizes out of order"
        )
    if asked.old != watched.size:
        raise unsound(
            "witness-conflict",
            N_(
                "The request begins at %(old)d entries, but %(size)d were cosigned last: "
                "ask again from there."
            ),
            old=asked.old,
            size=watched.size,
        )
    seen = decode64(watched.root)
    if size == watched.size and root != seen:
        raise unsound(
            "fork",
            N_("Two different logs of the same size (%(size)d) were signed with this key: a fork."),
            size=size,
        )
    if not verify_consistency(asked.old, size, seen, root, list(asked.path)):
        raise unsound(
            "witness-inconsistent",
            N_(
                "The checkpoint does not extend the one of %(size)d entries that was cosigned: "
                "the log was rewritten."
            ),
            size=watched.size,
        )


def _cosigner(folder: Path, state: WitnessState) -> Cosigner:
    try:
        return Cosigner(state.name, (folder / WITNESS_KEY_FILE).read_bytes(), bytes([state.kind]))
    except (FileNotFoundError, ValueError):
        raise unsound(
            "witness-damaged", N_("%(file)s is damaged. Restore it from a backup."), file=WITNESS_KEY_FILE
        ) from None


def _save_state(folder: Path, state: WitnessState) -> None:
    """Replace witness.json whole."""
    draft = folder / f"{WITNESS_STATE_FILE}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / WITNESS_STATE_FILE)


@contextmanager
def _one_cosigner(folder: Path) -> Iterator[None]:
    """One at a time, where the system has locks; elsewhere a laptop has one user."""
    read_witness(folder)
    with (folder / WITNESS_KEY_FILE).open("rb") as file:
        if os.name == "posix":
            import fcntl  # noqa: PLC0415 - not on every auditor's laptop

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
