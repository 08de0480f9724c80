"""The rows of conversations. Every query is scoped to its owner here and nowhere else."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    delete,
    false,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.audit.content import drop_objects, drop_subject
from appliance.chat import attachment_store
from appliance.storage.base import Base


class ConversationRow(Base):
    """One person's conversation; title and folder are sealed under their key.

    `leaf_id` ends the branch that is shown. `deleted_at`: it is out of sight and will be gone soon.
    """

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_user_id_updated_at", "user_id", "updated_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    title: Mapped[bytes]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    leaf_id: Mapped[str | None]
    folder: Mapped[bytes | None]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
    pinned: Mapped[bool] = mapped_column(server_default=false(), default=False)
    archived: Mapped[bool] = mapped_column(server_default=false(), default=False)
    data_class: Mapped[str] = mapped_column(server_default="O", default="O")
    maker: Mapped[str] = mapped_column(server_default="standard", default="standard")


class MessageRow(Base):
    """One message; `body` and `reasoning` are sealed. An answer's id is also the id of its admission.

    `attachments`: which files went with a question, and how much of each (filing.Kept).

    `position` counts the messages of a conversation as they were made, `parent_id` makes the tree.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        UniqueConstraint("user_id", "client_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    user_id: Mapped[str]
    position: Mapped[int]
    parent_id: Mapped[str | None]
    role: Mapped[str]
    body: Mapped[bytes]
    reasoning: Mapped[bytes | None]
    state: Mapped[str]
    client_id: Mapped[str | None]
    reason: Mapped[str]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    dropped_turns: Mapped[int]
    decode_s: Mapped[float]
    reasoning_s: Mapped[float] = mapped_column(server_default="0", default=0.0)
    detections: Mapped[dict[str, int]] = mapped_column(JSON)
    screening: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    attachments: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    maker: Mapped[str] = mapped_column(server_default="standard", default="standard")


def conversations(session: Session, user_id: str) -> list[ConversationRow]:
    """All conversations of this person that are not deleted, the one used last first."""
    query = select(ConversationRow).where(
        ConversationRow.user_id == user_id, ConversationRow.deleted_at.is_(None)
    )
    return list(session.scalars(query.order_by(ConversationRow.updated_at.desc(), ConversationRow.id.desc())))


def conversation(session: Session, user_id: str, conversation_id: str) -> ConversationRow | None:
    """The conversation if it exists and is theirs."""
    query = select(ConversationRow).where(
        ConversationRow.id == conversation_id,
        ConversationRow.user_id == user_id,
        ConversationRow.deleted_at.is_(None),
    )
    return session.scalar(query)


def lock_conversation(session: Session, conversation_id: str) -> ConversationRow:
    """A conversation that is there; other writers of it wait until this transaction ends (PostgreSQL)."""
    query = select(ConversationRow).where(ConversationRow.id == conversation_id)
    return session.scalars(query.with_for_update()).one()


def bodies(session: Session, conversation_id: str) -> list[tuple[str, bytes]]:
    """Id and sealed text of a conversation's messages, the newest first; for looking through many."""
    query = select(MessageRow.id, MessageRow.body).where(MessageRow.conversation_id == conversation_id)
    return [(row.id, row.body) for row in session.execute(query.order_by(MessageRow.position.desc()))]


def messages(session: Session, conversation_id: str) -> list[MessageRow]:
    """The messages of a conversation that was found with `conversation`, oldest first."""
    query = select(MessageRow).where(MessageRow.conversation_id == conversation_id)
    return list(session.scalars(query.order_by(MessageRow.position)))


def message(session: Session, user_id: str, message_id: str) -> MessageRow | None:
    query = select(MessageRow).where(MessageRow.id == message_id, MessageRow.user_id == user_id)
    return session.scalar(query)


def sent_before(session: Session, user_id: str, client_id: str) -> tuple[MessageRow, MessageRow] | None:
    """The question and the answer that a client's message with this id led to, when it is a retry.

    The id is kept with the question, or with an answer that was asked for once more.
    """
    query = select(MessageRow).where(MessageRow.user_id == user_id, MessageRow.client_id == client_id)
    found = session.scalar(query)
    if found is None:
        return None
    if found.role == "assistant":
        return session.get_one(MessageRow, found.parent_id), found
    answers = select(MessageRow).where(MessageRow.parent_id == found.id).order_by(MessageRow.position)
    answer = session.scalars(answers).first()
    return None if answer is None else (found, answer)


def next_position(session: Session, conversation_id: str) -> int:
    query = select(func.max(MessageRow.position)).where(MessageRow.conversation_id == conversation_id)
    highest = session.scalar(query)
    return 0 if highest is None else highest + 1


def touch(session: Session, conversation_id: str, at: datetime, leaf_id: str) -> None:
    """It was used just now, and its shown branch ends with this message."""
    query = update(ConversationRow).where(ConversationRow.id == conversation_id)
    session.execute(query.values(updated_at=at, leaf_id=leaf_id))


def remove_everything(session: Session, user_id: str) -> tuple[int, int]:
    """All conversations of this person, whose keys were destroyed; how many they and their messages were."""
    of_theirs = ConversationRow.user_id == user_id
    conversations = session.scalar(select(func.count()).select_from(ConversationRow).where(of_theirs)) or 0
    messages = session.scalar(
        select(func.count()).select_from(MessageRow).where(MessageRow.user_id == user_id)
    )
    session.execute(delete(ConversationRow).where(of_theirs))
    drop_subject(session, user_id)
    attachment_store.remove_of(session, user_id)
    return conversations, messages or 0


def oldest_use(session: Session) -> list[tuple[str, str, datetime]]:
    """For everybody and each class of their conversations: when the one unused longest was used."""
    owner, kind = ConversationRow.user_id, ConversationRow.data_class
    query = select(owner, kind, func.min(ConversationRow.updated_at)).group_by(owner, kind)
    return [
        (user_id, data_class, at) for user_id, data_class, at in session.execute(query.order_by(owner, kind))
    ]


def count_before(session: Session, user_id: str, data_class: str, before: datetime) -> int:
    """How many of this person's conversations of one class were last used before then."""
    query = select(func.count()).select_from(ConversationRow)
    return session.scalar(query.where(*_unused(user_id, data_class, before))) or 0


def oldest_before(session: Session, user_id: str, data_class: str, before: datetime, limit: int) -> list[str]:
    """The ids of the oldest of them, at most `limit`."""
    old = _unused(user_id, data_class, before)
    query = select(ConversationRow.id).where(*old).order_by(ConversationRow.updated_at).limit(limit)
    return list(session.scalars(query))


def _unused(user_id: str, data_class: str, before: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        ConversationRow.user_id == user_id,
        ConversationRow.data_class == data_class,
        ConversationRow.updated_at < before,
    )


def remove(session: Session, ids: Collection[str]) -> None:
    """These conversations, whose keys were destroyed, by cascade their messages, and what is sealed of
    them for auditors.
    """
    session.execute(delete(ConversationRow).where(ConversationRow.id.in_(ids)))
    drop_objects(session, [f"conversation:{one}" for one in ids])


def deleted_before(session: Session, moment: datetime) -> list[ConversationRow]:
    """Conversations of anybody whose time to be brought back is over."""
    return list(session.scalars(select(ConversationRow).where(ConversationRow.deleted_at < moment)))
