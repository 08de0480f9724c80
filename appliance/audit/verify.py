"""Checks the whole log in a database: every entry, hash, tile, checkpoint and signature.

Streams, so memory stays flat. The report names the first entry that is not as it was sealed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.audit.entry import canonical
from appliance.audit.sequencer import entry_row
from appliance.errors import StorageFailed
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database
from appliance.tlog.merkle import HASH_BYTES, CompactRange, leaf_hash
from appliance.tlog.note import NoteError, Verifier
from appliance.tlog.tiles import HEIGHT, WIDTH, node_reader, subtree_root

LOWEST = -(2**63)
COLUMNS = ("id", "time", "action", "actor", "subject")


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found. `first_bad` is an entry's index; `unsealed` entries are too new
    to be under a checkpoint."""

    ok: bool
    entries: int
    checkpoints: int
    unsealed: int
    first_bad: int | None = None
    problem: str = ""


class _Bad(Exception):
    """The log is not what it was: at this entry, for this reason."""

    def __init__(self, index: int, problem: str) -> None:
        super().__init__(problem)
        self.index = index
        self.problem = problem


def verify(database: Database, verifier: Verifier, head: Head | None = None) -> Report:
    """Check everything under this public key and, when given, the sealer's own last head."""
    progress = _Progress()
    try:
        with database.read() as session:
            _check_entries(session, verifier, progress)
            _check_tiles(session, progress.size)
            if head is not None:
                _check_head(session, progress.size, head)
            accepted = store.count_accepted(session)
    except _Bad as bad:
        return Report(False, progress.size, progress.checkpoints, 0, bad.index, bad.problem)
    except StorageFailed:
        return Report(
            False,
            progress.size,
            progress.checkpoints,
            0,
            progress.size,
            "it cannot be read from the database",
        )
    unsealed = progress.size - progress.sealed + accepted
    return Report(True, progress.size, progress.checkpoints, unsealed)


@dataclass(slots=True)
class _Progress:
    """How far the check has come: entries read, checkpoints passed, entries under the last one."""

    size: int = 0
    checkpoints: int = 0
    sealed: int = 0


def _check_entries(session: Session, verifier: Verifier, progress: _Progress) -> None:
    notes = _checkpoints(session, verifier)
    due = next(notes, None)
    tree = CompactRange()
    tile = b""
    try:
        for row in store.entries(session, LOWEST):
            index = progress.size
            if row.index != index:
                raise _Bad(
                    min(index, row.index), "it is missing" if row.index > index else "it does not belong here"
                )
            if index % WIDTH == 0:
                tile = store.tile(session, 0, index // WIDTH)
            hashed = _check_row(row, index)
            at = index % WIDTH * HASH_BYTES
            if tile[at : at + HASH_BYTES] != hashed:
                raise _Bad(index, "it does not match the hash it was sequenced with")
            tree.append(hashed)
            progress.size += 1
            if due is not None and due[0] == progress.size:
                if due[1] != tree.root():
                    raise _Bad(
                        progress.sealed, f"it or one of the entries up to {index} is not what was signed"
                    )
                progress.sealed, progress.checkpoints = progress.size, progress.checkpoints + 1
                due = next(notes, None)
    except (TypeError, ValueError):
        raise _Bad(progress.size, "it cannot be read") from None
    if due is not None:
        raise _Bad(progress.size, f"it is missing: a signed checkpoint covers {due[0]} entries")


def _check_row(row: store.EntryRow, index: int) -> bytes:
    """The leaf's hash, after the leaf was found canonical and the columns equal to it."""
    values = json.loads(row.leaf)
    if canonical(values) != row.leaf or values["index"] != index:
        raise _Bad(index, "its text is not in the form it was written in")
    told = entry_row(index, row.leaf)
    for column in COLUMNS:
        if getattr(row, column) != getattr(told, column):
            raise _Bad(index, f"its column '{column}' does not say what the entry says")
    return leaf_hash(row.leaf)


def _checkpoints(session: Session, verifier: Verifier) -> Iterator[tuple[int, bytes]]:
    """(size, root) of every checkpoint, signature checked."""
    before = 0
    for row in store.checkpoints(session):
        try:
            checkpoint = verifier.checkpoint(row.note)
        except (NoteError, AttributeError, TypeError) as error:
            raise _Bad(before, f"the checkpoint of size {row.size} that covers it is bad: {error}") from None
        if checkpoint.size != row.size or checkpoint.origin != verifier.name:
            raise _Bad(before, f"the checkpoint of size {row.size} that covers it says something else")
        yield checkpoint.size, checkpoint.root
        before = checkpoint.size


def _check_tiles(session: Session, size: int) -> None:
    """Every tile holds what the tiles below it say, and there is no other."""
    expected, level = 0, 0
    while count := size >> HEIGHT * level:
        for index in range((count + WIDTH - 1) // WIDTH):
            expected += 1
            hashes = store.tile(session, level, index)
            width = min(WIDTH, count - index * WIDTH)
            first = index << HEIGHT * (level + 1)
            if len(hashes) != width * HASH_BYTES:
                raise _Bad(first, f"tile {level}/{index} over it has the wrong length")
            if level:
                _check_upper(session, level, index, hashes)
            session.expunge_all()
        level += 1
    if store.count_tiles(session) != expected:
        raise _Bad(size, "there are tiles that belong to no entry")


def _check_upper(session: Session, level: int, index: int, hashes: bytes) -> None:
    for offset in range(len(hashes) // HASH_BYTES):
        below = index * WIDTH + offset
        try:
            root = subtree_root(store.tile(session, level - 1, below), HEIGHT)
        except ValueError:
            root = b""
        if root != hashes[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]:
            raise _Bad(below << HEIGHT * level, f"tile {level}/{index} over it holds a wrong hash")


def _check_head(session: Session, size: int, head: Head) -> None:
    if head.size > size:
        raise _Bad(size, f"it is missing: the sealer signed {head.size} entries")
    node = node_reader(lambda level, index: store.tile(session, level, index))
    if CompactRange.read(head.size, node).root() != head.root:
        raise _Bad(0, f"the first {head.size} entries are not those the sealer signed")
