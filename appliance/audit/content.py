"""Texts sealed for auditors, kept beside the log for as long as they may be.

Inside is a box that only an auditor's secret key opens (evidence.auditor). Around it is the key of
the conversation, or of the person where it is of none: it is taken off when an export is written, so
no copy of the database gives an auditor anything without an entry, and a key destroyed destroys the
texts sealed under it in every copy.
Nothing of the product can open a box. A row dies with the conversation it belongs to, with the
person's key, and after the days that audit.yaml sets.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.audit.entry import Entry
from appliance.audit.entrykeys import EntryKeys
from appliance.audit.store import EntryRow
from appliance.errors import NotFound
from appliance.evidence.auditor import seal_box
from appliance.evidence.auditorkey import AuditorKey
from appliance.storage.base import Base
from appliance.storage.vault import Vault

KIND = "sealed"
BATCH = 200

Auditors = Callable[[], tuple[AuditorKey, ...]]


def nobody() -> tuple[AuditorKey, ...]:
    """The auditors where content is not sealed: none."""
    return ()


class ContentRow(Base):
    """The sealed text of one entry. `object` is what it belongs to: conversation:ID."""

    __tablename__ = "audit_contents"

    entry_id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(index=True)
    object: Mapped[str] = mapped_column(index=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)
    sealed: Mapped[bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an export carries of one entry: a box for auditors."""

    entry: int
    id: str
    subject: str
    box: str

    def line(self) -> bytes:
        told = {"entry": self.entry, "id": self.id, "box": json.loads(self.box)}
        return json.dumps(told, separators=(",", ":"), sort_keys=True).encode()


class Content:
    """Seals, and hands boxes on. Stateless and thread-safe."""

    def __init__(self, vault: Vault, auditors: Auditors = nobody) -> None:
        self._keys = EntryKeys(vault)
        self._auditors = auditors

    def keep(
        self, session: Session, entry_id: str, entry: Entry, key: bytes, text: str, now: datetime
    ) -> None:
        """Seal the text of an entry, in its transaction, if there are auditors. `key` is its commitment's."""
        if not (auditors := self._auditors()):
            return
        box = seal_box(auditors, entry_id, key, text)
        under = self._keys.of(session, entry.subject, entry.object)[0]
        session.add(
            ContentRow(
                entry_id=entry_id,
                subject=entry.subject,
                object=entry.object,
                kept_at=now,
                sealed=under.seal(KIND, entry_id, box),
            )
        )

    def boxes(self, session: Session, first: int, end: int) -> list[Sealed]:
        """The first few boxes of entries in [first, end), in log order."""
        query = (
            select(EntryRow.index, ContentRow)
            .join(ContentRow, ContentRow.entry_id == EntryRow.id)
            .where(EntryRow.index >= first, EntryRow.index < end)
            .order_by(EntryRow.index)
            .limit(BATCH)
        )
        return [
            Sealed(index, row.entry_id, row.subject, self._box(session, row))
            for index, row in session.execute(query)
        ]

    def _box(self, session: Session, row: ContentRow) -> str:
        with suppress(NotFound):  # the key went between two reads of one export
            for key in self._keys.of(session, row.subject, row.object):
                with suppress(NotFound):  # sealed before the conversation had a key
                    return key.unseal(KIND, row.entry_id, row.sealed)
        return ""


def subjects(session: Session, first: int, end: int) -> list[tuple[str, int]]:
    """Whose sealed texts belong to entries in [first, end), and how many."""
    query = (
        select(ContentRow.subject, func.count())
        .join(EntryRow, ContentRow.entry_id == EntryRow.id)
        .where(EntryRow.index >= first, EntryRow.index < end)
        .group_by(ContentRow.subject)
        .order_by(ContentRow.subject)
    )
    return [(subject, count) for subject, count in session.execute(query)]


def drop_objects(session: Session, objects: Sequence[str]) -> None:
    """What these belong to was destroyed: their sealed texts go in the same transaction."""
    session.execute(delete(ContentRow).where(ContentRow.object.in_(objects)))


def drop_subject(session: Session, subject: str) -> None:
    """Everything sealed of this person goes."""
    session.execute(delete(ContentRow).where(ContentRow.subject == subject))


def subjects_before(session: Session, before: datetime) -> list[tuple[str, int]]:
    """Whose sealed texts are older than that, and how many."""
    query = select(ContentRow.subject, func.count()).where(ContentRow.kept_at < before)
    return [(who, count) for who, count in session.execute(query.group_by(ContentRow.subject))]


def drop_before(session: Session, subject: str, before: datetime) -> int:
    """This person's sealed texts from before then go; how many there were."""
    old = ContentRow.subject == subject, ContentRow.kept_at < before
    count = session.scalar(select(func.count()).select_from(ContentRow).where(*old)) or 0
    session.execute(delete(ContentRow).where(*old))
    return count
