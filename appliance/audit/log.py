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
from collections.abc import Sequence

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
        entry_id, body = self._state(session, entry, text)
        store.accept(session, [body])
        return entry_id

    def append_all(self, session: Session, entries: Sequence[Entry]) -> list[str]:
        """Accept entries without a text, in this order, as `append` does; their ids."""
        made = [self._state(session, entry, None) for entry in entries]
        if made:
            store.accept(session, [body for _, body in made])
        return [entry_id for entry_id, _ in made]

    def _state(self, session: Session, entry: Entry, text: str | None) -> tuple[str, bytes]:
        """(its id, the bytes that wait for their place)."""
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
        return entry_id, encode(leaf)


def commitment(key: bytes, entry_id: str, salt: bytes, text: str) -> bytes:
    """The 32 bytes that bind a text to its entry."""
    return hmac.new(entry_key(key, entry_id, salt), text.encode(), hashlib.sha256).digest()


def entry_key(key: bytes, entry_id: str, salt: bytes) -> bytes:
    """The key of one entry's commitment; given out, it opens that entry and no other."""
    return hmac.new(key, b"commit" + entry_id.encode() + salt, hashlib.sha256).digest()
