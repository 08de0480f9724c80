"""Accepting entries: in the transaction of the action they record, so that neither is without the other.

The text of a prompt or reply is committed to, never stored here:
HMAC(HMAC(K, "commit" | entry id | salt), text), where K is the conversation's key, or the subject's
where the text is of none (entrykeys.py). Without K nobody can test a guess against it, and once it is
destroyed nobody ever can. Where audit.yaml says so, it is sealed for auditors beside the log as well
(content.py).
"""

import hashlib
import hmac
import secrets

from sqlalchemy.orm import Session

from appliance.audit import store
from appliance.audit.content import Auditors, Content, nobody
from appliance.audit.entry import Entry, encode, state
from appliance.audit.entrykeys import EntryKeys
from appliance.clock import Clock
from appliance.ids import new_id
from appliance.storage.vault import Vault

SALT_BYTES = 16


class AuditLog:
    """The door for everybody who has something to record. Stateless and thread-safe."""

    def __init__(self, vault: Vault, clock: Clock, boot_id: str, auditors: Auditors = nobody) -> None:
        self._keys = EntryKeys(vault)
        self._clock = clock
        self._boot_id = boot_id
        self.content = Content(vault, auditors)

    def append(self, session: Session, entry: Entry, *, text: str | None = None) -> str:
        """Accept an entry; durable when the caller's transaction commits. Its id is returned.

        With `text`, the entry commits to it, under the first of `EntryKeys.of`, and it is sealed for
        the auditors, if there are any. A crash before the commit leaves neither the action nor its
        entry; after it, both, and the next run of the sequencer gives the entry its place. Raises
        NotFound when the subject has no key.
        """
        entry_id, salt, bound, now = new_id(), b"", b"", self._clock.now()
        if text is not None:
            salt = secrets.token_bytes(SALT_BYTES)
            base = self._keys.of(session, entry.subject, entry.object)[0].for_commitments
            bound = commitment(base, entry_id, salt, text)
            self.content.keep(session, entry_id, entry, entry_key(base, entry_id, salt), text, now)
        leaf = state(
            entry,
            id=entry_id,
            time=now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            boot=self._boot_id,
            salt=salt.hex(),
            commitment=bound.hex(),
        )
        store.accept(session, encode(leaf))
        return entry_id


def commitment(key: bytes, entry_id: str, salt: bytes, text: str) -> bytes:
    """The 32 bytes that bind a text to its entry."""
    return hmac.new(entry_key(key, entry_id, salt), text.encode(), hashlib.sha256).digest()


def entry_key(key: bytes, entry_id: str, salt: bytes) -> bytes:
    """The key of one entry's commitment; given out, it opens that entry and no other."""
    return hmac.new(key, b"commit" + entry_id.encode() + salt, hashlib.sha256).digest()
