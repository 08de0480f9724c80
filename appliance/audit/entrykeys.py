"""Which keys the text that an entry speaks of is under: for its commitment, and sealed for auditors."""

from sqlalchemy.orm import Session

from appliance.storage.conversation_keys import ConversationKeys
from appliance.storage.textkey import TextKey
from appliance.storage.vault import Vault

CONVERSATION = "conversation:"


class EntryKeys:
    """Looks them up. Stateless and thread-safe."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._conversations = ConversationKeys(vault)

    def of(self, session: Session, subject_id: str, what: str) -> tuple[TextKey, ...]:
        """That of an entry about `what` ("conversation:<id>"), then those it may have had before.

        A conversation that was begun before conversations had keys has entries of both kinds.
        NotFound when the subject has no key.
        """
        subject = self._vault.subject(session, subject_id)
        if not what.startswith(CONVERSATION):
            return (subject,)
        own = self._conversations.own(session, subject_id, what.removeprefix(CONVERSATION))
        return (subject,) if own is None else (own, subject)
