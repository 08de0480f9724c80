"""Which key the texts of a conversation are under: its own, always all of them.

A conversation from before there were such keys has none: it is read with its owner's, and moves
whole to a new one in the transaction of the next thing that is written to it.
"""

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from appliance.chat import store
from appliance.chat.values import Destroyed
from appliance.storage.conversation_keys import ConversationKeys
from appliance.storage.textkey import TextKey
from appliance.storage.vault import Vault


class Sealing:
    """Gives the key to read or to write with, and destroys it. Stateless, thread-safe."""

    def __init__(self, vault: Vault) -> None:
        self._keys = ConversationKeys(vault)

    def begin(self, session: Session, row: store.ConversationRow, title: str) -> None:
        """Add a new conversation under a new key."""
        key = TextKey.new()
        row.title = key.seal("title", row.id, title)
        session.add(row)
        session.flush()
        self._keys.add(session, row.user_id, row.id, key)

    def reading(self, session: Session, user_id: str, conversation_id: str) -> TextKey:
        return self._keys.of(session, user_id, conversation_id)

    def reading_many(self, session: Session, user_id: str, rows: Sequence[store.ConversationRow]) -> None:
        """Before a session reads in all of these: one query instead of one for each."""
        self._keys.unlock(session, user_id, [row.id for row in rows])

    def writing(self, session: Session, user_id: str, conversation_id: str) -> TextKey:
        """The conversation's own key, which it gets now if it has none."""
        own = self._keys.own(session, user_id, conversation_id)
        if own is not None:
            return own
        row = store.lock_conversation(session, conversation_id)  # two shared writers must not both move it
        own = self._keys.look_again(session, user_id, conversation_id)
        if own is not None:
            return own
        key, before = TextKey.new(), self._keys.of(session, user_id, conversation_id)
        _move(session, row, before, key)
        self._keys.add(session, user_id, conversation_id, key)
        return key

    def destroy(self, session: Session, ids: Collection[str]) -> Destroyed:
        """Conversations with their keys."""
        keys = self._keys.destroy(session, ids)
        store.remove(session, ids)
        return Destroyed(conversations=len(ids), keys=keys)

    def destroy_all_of(self, session: Session, user_id: str) -> Destroyed:
        """All conversations of this person with their keys."""
        keys = self._keys.destroy_all_of(session, user_id)
        conversations, messages = store.remove_everything(session, user_id)
        return Destroyed(conversations=conversations, messages=messages, keys=keys)


def _move(session: Session, row: store.ConversationRow, before: TextKey, key: TextKey) -> None:
    row.title = key.seal("title", row.id, before.unseal("title", row.id, row.title))
    if row.folder is not None:
        row.folder = key.seal("folder", row.id, before.unseal("folder", row.id, row.folder))
    for message in store.messages(session, row.id):
        message.body = key.seal("message", message.id, before.unseal("message", message.id, message.body))
        if message.reasoning is not None:
            thoughts = before.unseal("reasoning", message.id, message.reasoning)
            message.reasoning = key.seal("reasoning", message.id, thoughts)
