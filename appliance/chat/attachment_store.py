"""The rows of attached files. Every query is scoped to their owner here and nowhere else."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base


class AttachmentRow(Base):
    """One file's text; `head` (its name and shape) and `body` (its parts) are sealed, see filing.

    `body` is long and is read when it is asked for. Until it is `sent` with a question it waits, for the
    conversation or, without one, for a new one.
    The file itself is not kept.
    """

    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_sent_created_at", "sent", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    sent: Mapped[bool]
    size: Mapped[int]
    head: Mapped[bytes]
    body: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[datetime]


def waiting(session: Session, user_id: str, conversation_id: str | None) -> list[AttachmentRow]:
    """What waits to be sent here, the oldest first."""
    query = select(AttachmentRow).where(
        AttachmentRow.user_id == user_id,
        AttachmentRow.sent.is_(False),
        AttachmentRow.conversation_id == conversation_id
        if conversation_id
        else AttachmentRow.conversation_id.is_(None),
    )
    return list(session.scalars(query.order_by(AttachmentRow.created_at, AttachmentRow.id)))


def waiting_one(session: Session, user_id: str, attachment_id: str) -> AttachmentRow | None:
    query = select(AttachmentRow).where(
        AttachmentRow.id == attachment_id, AttachmentRow.user_id == user_id, AttachmentRow.sent.is_(False)
    )
    return session.scalar(query)


def named(session: Session, user_id: str, ids: Sequence[str]) -> dict[str, AttachmentRow]:
    """Those of these ids that are theirs, sent or not."""
    query = select(AttachmentRow).where(AttachmentRow.id.in_(ids), AttachmentRow.user_id == user_id)
    return {row.id: row for row in session.scalars(query)}


def of(session: Session, user_id: str) -> list[AttachmentRow]:
    query = select(AttachmentRow).where(AttachmentRow.user_id == user_id)
    return list(session.scalars(query.order_by(AttachmentRow.created_at, AttachmentRow.id)))


def count(session: Session, user_id: str, *, sent: bool | None = None) -> int:
    query = select(func.count()).select_from(AttachmentRow).where(AttachmentRow.user_id == user_id)
    return session.scalar(query if sent is None else query.where(AttachmentRow.sent.is_(sent))) or 0


def stale(session: Session, before: datetime) -> list[AttachmentRow]:
    """What anybody attached before then and never sent."""
    query = select(AttachmentRow).where(AttachmentRow.sent.is_(False), AttachmentRow.created_at < before)
    return list(session.scalars(query))


def remove_of(session: Session, user_id: str) -> None:
    session.execute(delete(AttachmentRow).where(AttachmentRow.user_id == user_id))
