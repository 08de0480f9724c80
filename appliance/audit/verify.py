"""Checks the whole log in a database: every entry, hash, tile, checkpoint and signature.

Streams, so memory stays flat. The report names the first entry that is not as it was sealed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.audit.entry import decode
from appliance.audit.sequencer import record
from appliance.errors import StorageFailed
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database
from appliance.tlog.merkle import HASH_BYTES, CompactRange, leaf_hash
from appliance.tlog.note import Checkpoint, Verifier
from appliance.tlog.tiles import HEIGHT, WIDTH, node_reader, subtree_root

TELL_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What verification found. `first_bad` is an entry's index; `unsealed` entries are too new
    to be under a checkpoint, and no signature speaks for them yet."""

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


@dataclass(slots=True)
class _Progress:
    """How far the check has come: entries read, checkpoints passed, entries under the last one."""

    size: int = 0
    checkpoints: int = 0
    sealed: int = 0


def verify(
    database: Database,
    keys: Verifier | KeyRing,
    head: Head | None = None,
    since: Iterable[Checkpoint] = (),
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Check everything under the log's keys and, when given, the sealer's own last head.

    `head` is read before the call: what it covers is then in the snapshot that is checked.
    `since` are checkpoints kept elsewhere, their signatures checked. `progress` is told
    (entries checked, entries there were at the beginning) now and then.
    """
    ring = keys if isinstance(keys, KeyRing) else KeyRing(keys)
    come = _Progress()
    try:
        with database.read() as session:
            total = store.tree_size(session)
            _check_entries(session, ring, come, lambda done: progress(done, total))
            _check_tiles(session, come.size)
            if head is not None:
                _check_head(session, come.size, head)
            for old in since:
                _check_since(session, come.size, old)
            if damage := store.index_damage(session):
                raise _Bad(damage[0], f"a database index does not show it as it is ({damage[1]})")
            accepted = store.count_accepted(session)
    except _Bad as bad:
        return Report(False, come.size, come.checkpoints, 0, bad.index, bad.problem)
    except (StorageFailed, TypeError, ValueError):
        unreadable = "it or its hashes cannot be read from the database"
        return Report(False, come.size, come.checkpoints, 0, come.size, unreadable)
    unsealed = come.size - come.sealed + accepted
    return Report(True, come.size, come.checkpoints, unsealed)


def _check_entries(session: Session, ring: KeyRing, progress: _Progress, tell: Callable[[int], None]) -> None:
    """Each row against the hash it was sequenced with, and the tree of all against each checkpoint.

    Two checkpoints that both match the one tree extend one another.
    """
    notes = _checkpoints(session, ring)
    due = next(notes, None)
    tree, tile = CompactRange(), b""
    for row in store.all_entries(session):
        index = progress.size
        if row.index != index:
            found = "it is missing" if row.index > index else "it does not belong here"
            raise _Bad(min(index, row.index), found)
        at = index % WIDTH * HASH_BYTES
        if at == 0:
            tile = _tile(session, 0, index // WIDTH)
        hashed = _check_row(row, tile[at : at + HASH_BYTES])
        tree.append(hashed)
        progress.size += 1
        if progress.size % TELL_EVERY == 0:
            tell(progress.size)
        if due is not None and due[0] == progress.size:
            if due[1] != tree.root():
                raise _Bad(progress.sealed, f"it or one of the entries up to {index} is not what was signed")
            progress.sealed, progress.checkpoints = progress.size, progress.checkpoints + 1
            due = next(notes, None)
    if due is not None:
        raise _Bad(progress.size, f"it is missing: a signed checkpoint covers {due[0]} entries")


def _check_row(row: store.Record, expected: bytes) -> bytes:
    """The leaf's hash, once it is the expected one and every column says what the leaf says."""
    if not isinstance(row.leaf, bytes):
        raise _Bad(row.index, "its text is not stored as bytes")
    hashed = leaf_hash(row.leaf)
    if hashed != expected:
        raise _Bad(row.index, "it does not match the hash it was sequenced with")
    try:
        told = record(decode(row.leaf), row.leaf)
    except ValueError:
        raise _Bad(row.index, "its text is not in the form it was written in") from None
    if row != told:
        changed = [name for name in row.__struct_fields__ if getattr(row, name) != getattr(told, name)]
        raise _Bad(row.index, f"its column '{changed[0]}' does not say what the entry says")
    return hashed


def _checkpoints(session: Session, ring: KeyRing) -> Iterator[tuple[int, bytes]]:
    """(size, root) of every checkpoint, signature checked."""
    before = 0
    for size, note in store.checkpoints(session):
        try:
            checkpoint, _ = ring.checkpoint(note, f"checkpoint {size}")
        except (Unsound, AttributeError, TypeError) as error:
            raise _Bad(before, f"the checkpoint of size {size} that covers it is bad: {error}") from None
        if checkpoint.size != size or checkpoint.origin != ring.log.name:
            raise _Bad(before, f"the checkpoint of size {size} that covers it says something else")
        yield checkpoint.size, checkpoint.root
        before = checkpoint.size


def _check_tiles(session: Session, size: int) -> None:
    """Every tile holds what the tiles below it say, and there is no other."""
    expected, level = 0, 0
    while count := size >> HEIGHT * level:
        for index in range((count + WIDTH - 1) // WIDTH):
            expected += 1
            hashes = _tile(session, level, index)
            width = min(WIDTH, count - index * WIDTH)
            if len(hashes) != width * HASH_BYTES:
                first = index << HEIGHT * (level + 1)
                raise _Bad(first, f"tile {level}/{index} over it has the wrong length")
            if level:
                _check_upper(session, level, index, hashes)
        level += 1
    if store.count_tiles(session) != expected:
        raise _Bad(size, "there are tiles that belong to no entry")


def _check_upper(session: Session, level: int, index: int, hashes: bytes) -> None:
    for offset in range(len(hashes) // HASH_BYTES):
        below = index * WIDTH + offset
        try:
            root = subtree_root(_tile(session, level - 1, below), HEIGHT)
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


def _check_since(session: Session, size: int, old: Checkpoint) -> None:
    if old.size > size:
        raise _Bad(size, f"it is missing: an outside checkpoint covers {old.size} entries")
    node = node_reader(lambda level, index: store.tile(session, level, index))
    if CompactRange.read(old.size, node).root() != old.root:
        raise _Bad(0, f"the first {old.size} entries are not those of the outside checkpoint")


def _tile(session: Session, level: int, index: int) -> bytes:
    """A tile's hashes; none when it cannot be read, which the caller then names by its entries."""
    try:
        return store.tile(session, level, index)
    except (DBAPIError, TypeError, ValueError):
        return b""
