"""A key for each conversation, wrapped by its owner's key: destroyed with it, whoever destroys it.

A conversation from before this table has none: its texts are under the owner's key until something
is written to it (chat/sealing.py moves them then). Losing the row of a key is losing the texts, so
a row goes only with its conversation: by `destroy`, or by the database's cascade.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, ForeignKey, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base
from appliance.storage.textkey import TextKey
from appliance.storage.vault import Vault

WRAPPED = "conversation key"


class ConversationKey(Base):
    """A conversation's data key, wrapped by its owner's. No row, no way to read its texts again."""

    __tablename__ = "conversation_keys"

    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    subject_id: Mapped[str] = mapped_column(index=True)
    wrapped: Mapped[bytes]


class ConversationKeys:
    """Makes, opens and destroys them. Stateless: what was unwrapped is the session's (`info`)."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def add(self, session: Session, subject_id: str, conversation_id: str, key: TextKey) -> None:
        """Keep the key of a conversation that is in the database and has none."""
        wrapped = self._vault.subject(session, subject_id).wrap(WRAPPED, conversation_id, key)
        row = {"conversation_id": conversation_id, "subject_id": subject_id, "wrapped": wrapped}
        session.execute(insert(ConversationKey).values(row))
        _known(session)[subject_id, conversation_id] = key

    def own(self, session: Session, subject_id: str, conversation_id: str) -> TextKey | None:
        """This person's conversation's key; None when it has none or is somebody else's."""
        place = (subject_id, conversation_id)
        if place not in _known(session):
            query = select(ConversationKey.wrapped).where(
                ConversationKey.conversation_id == conversation_id, ConversationKey.subject_id == subject_id
            )
            self._note(session, subject_id, conversation_id, session.scalar(query))
        return _known(session)[place]

    def of(self, session: Session, subject_id: str, conversation_id: str) -> TextKey:
        """The key that a conversation's texts are under: its own, or else its owner's.

        NotFound when the owner's was destroyed.
        """
        return self.own(session, subject_id, conversation_id) or self._vault.subject(session, subject_id)

    def look_again(self, session: Session, subject_id: str, conversation_id: str) -> TextKey | None:
        """`own`, after something that may have changed it."""
        _known(session).pop((subject_id, conversation_id), None)
        return self.own(session, subject_id, conversation_id)

    def unlock(self, session: Session, subject_id: str, conversation_ids: Collection[str]) -> None:
        """Look them up in one query, for a session that is going to need many of a person's."""
        query = select(ConversationKey.conversation_id, ConversationKey.wrapped)
        rows = session.execute(query.where(ConversationKey.subject_id == subject_id))
        found: dict[str, bytes] = {row.conversation_id: row.wrapped for row in rows}
        for conversation_id in conversation_ids:
            self._note(session, subject_id, conversation_id, found.get(conversation_id))

    def destroy(self, session: Session, conversation_ids: Collection[str]) -> int:
        """Crypto-shred these conversations; how many keys there were."""
        return _destroy(session, ConversationKey.conversation_id.in_(conversation_ids))

    def destroy_all_of(self, session: Session, subject_id: str) -> int:
        """Crypto-shred all conversations of a person; how many keys there were."""
        return _destroy(session, ConversationKey.subject_id == subject_id)

    def _note(self, session: Session, subject_id: str, conversation_id: str, wrapped: bytes | None) -> None:
        key = None
        if wrapped is not None:
            key = self._vault.subject(session, subject_id).unwrap(WRAPPED, conversation_id, wrapped)
        _known(session)[subject_id, conversation_id] = key


def _known(session: Session) -> dict[tuple[str, str], TextKey | None]:
    """What this session has looked up, by person and conversation."""
    known: dict[tuple[str, str], TextKey | None] = session.info.setdefault(ConversationKey, {})
    return known


def _destroy(session: Session, which: ColumnElement[bool]) -> int:
    number = session.scalar(select(func.count()).select_from(ConversationKey).where(which)) or 0
    session.execute(delete(ConversationKey).where(which))
    _known(session).clear()
    return number
