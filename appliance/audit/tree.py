"""Reading the tree back for those outside: entries, tiles, checkpoints with their cosignatures, proofs.

Short transactions, batch by batch: what is sequenced never changes, so no long snapshot is needed.
"""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.audit.store import CheckpointRow, EntryRow, TileRow
from appliance.storage.engine import Database
from appliance.tlog.merkle import consistency_proof, inclusion_proof
from appliance.tlog.proof import ConsistencyProof, EntryProof
from appliance.tlog.tiles import node_reader

BATCH = 2048


def leaves(database: Database, start: int, end: int) -> Iterator[bytes]:
    """The bytes of entries `start` to `end - 1`, in order; stops early where one is missing."""
    while start < end:
        query = select(EntryRow.index, EntryRow.leaf).where(EntryRow.index >= start, EntryRow.index < end)
        with database.read() as session:
            batch = session.execute(query.order_by(EntryRow.index).limit(BATCH)).all()
        for index, leaf in batch:
            if index != start:
                return
            yield leaf
            start += 1
        if not batch:
            return


def upper_tiles(database: Database) -> Iterator[tuple[int, int, bytes]]:
    """(level, index, hashes) of every tile above level 0, in order."""
    level, after = 1, -1
    while True:
        query = select(TileRow.index, TileRow.hashes).where(TileRow.level == level, TileRow.index > after)
        with database.read() as session:
            batch = session.execute(query.order_by(TileRow.index).limit(BATCH)).all()
        if not batch and after < 0:
            return
        for index, hashes in batch:
            yield level, index, hashes
            after = index
        if not batch:
            level, after = level + 1, -1


def position(session: Session, entry_id: str) -> int | None:
    """The index of an entry; None while it is only accepted."""
    return session.scalar(select(EntryRow.index).where(EntryRow.id == entry_id))


def first_at(session: Session, time: str) -> int | None:
    """The first index of an entry of that time or later, times as entries write them."""
    return session.scalar(select(func.min(EntryRow.index)).where(EntryRow.time >= time))


def last_before(session: Session, time: str) -> int | None:
    """The last index of an entry before that time."""
    return session.scalar(select(func.max(EntryRow.index)).where(EntryRow.time < time))


def newest_checkpoint(session: Session) -> tuple[int, str] | None:
    """(size, signed note) of the last head that was signed."""
    query = select(CheckpointRow.size, CheckpointRow.note).order_by(CheckpointRow.size.desc()).limit(1)
    row = session.execute(query).first()
    return None if row is None else (row.size, row.note)


def checkpoint_of(session: Session, size: int) -> str | None:
    """The signed note of that size."""
    return session.scalar(select(CheckpointRow.note).where(CheckpointRow.size == size))


def checkpoint_over(session: Session, index: int) -> tuple[int, str] | None:
    """(size, signed note) of the first head that covers the entry."""
    query = select(CheckpointRow.size, CheckpointRow.note).where(CheckpointRow.size > index)
    row = session.execute(query.order_by(CheckpointRow.size).limit(1)).first()
    return None if row is None else (row.size, row.note)


def objects_of(session: Session, actions: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
    """(index, leaf) of the entries of these actions."""
    query = select(EntryRow.index, EntryRow.leaf).where(EntryRow.action.in_(actions))
    yield from session.execute(query.order_by(EntryRow.index))


def prove_entry(session: Session, index: int, size: int, note: str, *, whole: bool = True) -> EntryProof:
    """That entry `index` is in the tree the note signs; with `whole`, its bytes come along.

    ValueError outside the tree or when the stored tiles are damaged.
    """
    path = inclusion_proof(index, size, node_reader(lambda *at: store.tile(session, *at)))
    (record,) = store.entries(session, index, 1)
    return EntryProof(index, tuple(path), note, record.leaf if whole else b"")


def prove_consistency(session: Session, old: int, size: int, note: str) -> ConsistencyProof:
    """That the tree the note signs extends the first `old` entries. ValueError as above."""
    path = consistency_proof(old, size, node_reader(lambda *at: store.tile(session, *at)))
    return ConsistencyProof(old, tuple(path), note)
