"""The rows of the log: accepted entries, sealed entries, tiles, checkpoints, the sequencer's epoch."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Index, UniqueConstraint, delete, exists, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base, Big

BATCH = 1000
LOWEST = -(2**63)
EVERYWHERE = ("time", "action", "actor", "subject")
COMMON = {"outcome": "allowed", "origin": "", "model": "", "request": "", "detectors": ""}


class OutboxRow(Base):
    """An accepted entry on its way into the tree: its leaf but for the index."""

    __tablename__ = "audit_outbox"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - a declaration, not shared state

    sequence: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=True)
    body: Mapped[bytes]


class EntryRow(Base):
    """A sequenced entry. The other columns repeat the leaf for filters; verification compares them.

    `detectors` are names in alphabetical order with a space between. Each column that is
    filtered by has an index in log order; where one value is by far the commonest, without it.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        *(Index(f"ix_audit_entries_{name}_index", name, "index") for name in EVERYWHERE),
        *(
            Index(
                f"ix_audit_entries_{name}_index", name, "index",
                sqlite_where=text(f"{name} <> '{common}'"),
                postgresql_where=text(f"{name} <> '{common}'"),
            )
            for name, common in COMMON.items()
        ),
    )  # fmt: skip

    index: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    leaf: Mapped[bytes]
    id: Mapped[str] = mapped_column(unique=True)
    time: Mapped[str]
    action: Mapped[str]
    actor: Mapped[str]
    subject: Mapped[str]
    outcome: Mapped[str]
    origin: Mapped[str]
    model: Mapped[str]
    request: Mapped[str]
    detectors: Mapped[str]


class TileRow(Base):
    """A tile of hashes (C2SP tlog-tiles); replaced while it is partial."""

    __tablename__ = "audit_tiles"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


class CheckpointRow(Base):
    """A signed head, kept for good."""

    __tablename__ = "audit_checkpoints"

    size: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    note: Mapped[str]


class EpochRow(Base):
    """The one row that says which sequencer is in office: the last to raise `epoch`."""

    __tablename__ = "audit_epoch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(Big)


class ViewRow(Base):
    """An auditor's saved view: a name for what they often look for. `query` as in the address."""

    __tablename__ = "audit_views"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    query: Mapped[str]


class WitnessRow(Base):
    """A witness whose cosignatures this log takes in: its verifier key."""

    __tablename__ = "audit_witnesses"

    key: Mapped[str] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]


class CosignatureRow(Base):
    """A witness's signature line under the checkpoint of that size."""

    __tablename__ = "audit_cosignatures"

    size: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    line: Mapped[str]


# Every action of the product passes here: by the table, past the mapper, it costs a third.
# A mapped class is typed as having a FromClause, where insert() asks for the Table that it is.
_ACCEPT = insert(OutboxRow.__table__)  # type: ignore[arg-type]  # as above
_ADD = insert(EntryRow.__table__)  # type: ignore[arg-type]  # as above


class ForwardedRow(Base):
    """Up to where a syslog receiver has read: the index of the next entry for it."""

    __tablename__ = "audit_forwarded"

    receiver: Mapped[str] = mapped_column(primary_key=True)
    after: Mapped[int] = mapped_column(Big)


class Record(msgspec.Struct, frozen=True):
    """A row of audit_entries as read."""

    index: int
    leaf: bytes
    id: str
    time: str
    action: str
    actor: str
    subject: str
    outcome: str
    origin: str
    model: str
    request: str
    detectors: str


def accept(session: Session, bodies: Sequence[bytes]) -> None:
    """In one journey to the database, however many there are."""
    session.connection().execute(_ACCEPT, [{"body": body} for body in bodies])


def accepted(session: Session, limit: int) -> list[tuple[int, bytes]]:
    """(sequence, body) of accepted entries that are visible now, oldest first."""
    rows = session.execute(
        select(OutboxRow.sequence, OutboxRow.body).order_by(OutboxRow.sequence).limit(limit)
    )
    return [(row.sequence, row.body) for row in rows]


def any_accepted(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(OutboxRow.sequence >= LOWEST))))


def count_accepted(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(OutboxRow)) or 0


def remove_accepted(session: Session, sequences: Sequence[int]) -> None:
    session.execute(delete(OutboxRow).where(OutboxRow.sequence.in_(sequences)))


def add_entries(session: Session, records: Sequence[Record]) -> None:
    session.connection().execute(_ADD, [msgspec.structs.asdict(record) for record in records])


def tree_size(session: Session) -> int:
    """How many entries have an index."""
    highest = session.scalar(select(func.max(EntryRow.index)))
    return 0 if highest is None else highest + 1


def entries_about(session: Session, subject: str, limit: int) -> list[EntryRow]:
    """The newest entries with this subject and another actor."""
    query = select(EntryRow).where(EntryRow.subject == subject, EntryRow.actor != subject)
    return list(session.scalars(query.order_by(EntryRow.index.desc()).limit(limit)))


def entries(session: Session, start: int, limit: int) -> list[Record]:
    """At most `limit` sequenced entries from index `start` on."""
    columns = (getattr(EntryRow, name) for name in Record.__struct_fields__)
    rows = session.execute(
        select(*columns).where(EntryRow.index >= start).order_by(EntryRow.index).limit(limit)
    )
    return [Record(*row) for row in rows]


def all_entries(session: Session) -> Iterator[Record]:
    """Every row by index, in batches. One that cannot be read raises after all before it were yielded."""
    start, limit = LOWEST, BATCH
    while True:
        try:
            batch = entries(session, start, limit)
        except (DBAPIError, TypeError, ValueError):
            if limit == 1:
                raise
            limit = 1  # somewhere in this batch: find out where
            continue
        if not batch:
            return
        yield from batch
        start = batch[-1].index + 1


def tile(session: Session, level: int, index: int) -> bytes:
    """The hashes of a tile; none when it does not exist."""
    hashes = session.scalar(select(TileRow.hashes).where(TileRow.level == level, TileRow.index == index))
    return hashes or b""


def put_tile(session: Session, level: int, index: int, hashes: bytes) -> None:
    session.merge(TileRow(level=level, index=index, hashes=hashes))


def count_tiles(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(TileRow)) or 0


def last_checkpoint_size(session: Session) -> int:
    return session.scalar(select(func.max(CheckpointRow.size))) or 0


def checkpoint_over(session: Session, index: int) -> tuple[int, str]:
    """(size, note) of the first signed head that covers the entry; (0, "") while there is none."""
    query = select(CheckpointRow.size, CheckpointRow.note).where(CheckpointRow.size > index)
    row = session.execute(query.order_by(CheckpointRow.size).limit(1)).first()
    return (0, "") if row is None else (row.size, row.note)


def put_checkpoint(session: Session, size: int, note: str) -> None:
    """Keep a signed head. One that has more signatures than the known one of that size takes its place."""
    known = session.get(CheckpointRow, size)
    if known is None:
        session.add(CheckpointRow(size=size, note=note))
    elif note.count("\n") > known.note.count("\n"):
        known.note = note


def checkpoints(session: Session) -> Iterator[tuple[int, str]]:
    """(size, note) of all checkpoints, smallest first, in batches."""
    after = LOWEST
    while True:
        query = select(CheckpointRow.size, CheckpointRow.note).where(CheckpointRow.size > after)
        batch = session.execute(query.order_by(CheckpointRow.size).limit(BATCH)).all()
        if not batch:
            return
        for row in batch:
            yield row.size, row.note
        after = batch[-1].size


def forwarded(session: Session, receiver: str) -> int:
    """The index of the next entry for this receiver."""
    return session.scalar(select(ForwardedRow.after).where(ForwardedRow.receiver == receiver)) or 0


def put_forwarded(session: Session, receiver: str, after: int) -> None:
    session.merge(ForwardedRow(receiver=receiver, after=after))


def epoch(session: Session) -> int:
    """The number of the sequencer in office; 0 before the first."""
    return session.scalar(select(EpochRow.epoch).where(EpochRow.id == 1)) or 0


def raise_epoch(session: Session) -> int:
    """Take office: no write of an earlier sequencer is accepted once this is committed."""
    raised = epoch(session) + 1
    session.merge(EpochRow(id=1, epoch=raised))
    return raised


def index_damage(session: Session) -> tuple[int, str] | None:
    """(ordinal, what is wrong) when SQLite's own indexes do not show every entry as its row does.

    A changed index hides entries from filters while every row still reads well.
    """
    if session.get_bind().dialect.name != "sqlite":
        return None
    said = str(session.scalar(text("PRAGMA integrity_check('audit_entries')")))
    if said == "ok":
        return None
    row = re.search(r"row (\d+)", said)
    return (int(row.group(1)) - 1 if row else 0, said)
