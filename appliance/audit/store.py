"""The rows of the log: accepted entries, sealed entries, tiles, checkpoints."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base

BATCH = 1000


class OutboxRow(Base):
    """An accepted entry on its way into the tree: its leaf but for the index."""

    __tablename__ = "audit_outbox"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - a declaration, not shared state

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    body: Mapped[bytes]


class EntryRow(Base):
    """A sequenced entry. The other columns repeat the leaf for filters; verification compares them."""

    __tablename__ = "audit_entries"

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    leaf: Mapped[bytes]
    id: Mapped[str] = mapped_column(unique=True)
    time: Mapped[str] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)


class TileRow(Base):
    """A tile of hashes (C2SP tlog-tiles); replaced while it is partial."""

    __tablename__ = "audit_tiles"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class CheckpointRow(Base):
    """A signed head, kept for good."""

    __tablename__ = "audit_checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str]
    created_at: Mapped[datetime]


def accepted(session: Session, limit: int) -> list[OutboxRow]:
    """Accepted entries that are visible now, oldest first."""
    return list(session.scalars(select(OutboxRow).order_by(OutboxRow.sequence).limit(limit)))


def remove_accepted(session: Session, rows: list[OutboxRow]) -> None:
    session.execute(delete(OutboxRow).where(OutboxRow.sequence.in_([row.sequence for row in rows])))


def count_accepted(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(OutboxRow)) or 0


def tree_size(session: Session) -> int:
    """How many entries have an index."""
    highest = session.scalar(select(func.max(EntryRow.index)))
    return 0 if highest is None else highest + 1


def tile(session: Session, level: int, index: int) -> bytes:
    """The hashes of a tile; none when it does not exist."""
    row = session.get(TileRow, (level, index))
    return b"" if row is None else row.hashes


def put_tile(session: Session, level: int, index: int, hashes: bytes) -> None:
    session.merge(TileRow(level=level, index=index, hashes=hashes))


def last_checkpoint_size(session: Session) -> int:
    return session.scalar(select(func.max(CheckpointRow.size))) or 0


def entries(session: Session, start: int = 0) -> Iterator[EntryRow]:
    """Sequenced entries from `start` on by index, read in batches and then forgotten."""
    while batch := list(
        session.scalars(select(EntryRow).where(EntryRow.index >= start).order_by(EntryRow.index).limit(BATCH))
    ):
        yield from batch
        start = batch[-1].index + 1
        session.expunge_all()


def checkpoints(session: Session) -> Iterator[CheckpointRow]:
    """All checkpoints, smallest first, read in batches and then forgotten."""
    after = -1
    while batch := list(
        session.scalars(
            select(CheckpointRow).where(CheckpointRow.size > after).order_by(CheckpointRow.size).limit(BATCH)
        )
    ):
        yield from batch
        after = batch[-1].size


def count_tiles(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(TileRow)) or 0
