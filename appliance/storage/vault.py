"""Envelope encryption of what people write (docs/security.md, "Keys and data at rest").

One root key (keys/root.key, 0600) wraps one key per subject; a text is sealed under its subject's
key, or under the key of its conversation, which the subject's key wraps (conversation_keys). The
row's identity is associated data, so a ciphertext moved to another row does not open. Destroying a
wrapped key makes all texts under it unreadable at once, here and in every copy of them.
"""

import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.clock import Clock
from appliance.errors import N_, ConfigError, NotFound
from appliance.keyfile import read_or_create_key
from appliance.storage.base import Base
from appliance.storage.folder import ROOT_KEY_FILE
from appliance.storage.textkey import TextKey, derived


class SubjectKey(Base):
    """A subject's data key, wrapped by the root key. No row, no way to read them again."""

    __tablename__ = "subject_keys"

    subject_id: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]


class Vault:
    """Makes, opens and destroys subjects' keys. Holds the root key in memory and nothing else;
    thread-safe.

    A key is unwrapped once in a session, which keeps it in its `info` until it ends.
    """

    def __init__(self, root_key: bytes, clock: Clock) -> None:
        self._root = TextKey(derived(root_key, "wrap"))
        self._names = derived(root_key, "names")
        self._clock = clock

    @classmethod
    def open(cls, keys_folder: Path, clock: Clock) -> "Vault":
        """The vault over keys_folder/root.key, made on first use with mode 0600."""
        return cls(read_or_create_key(keys_folder / ROOT_KEY_FILE), clock)

    def check(self, session: Session) -> None:
        """ConfigError when the database was sealed under another root key."""
        row = session.scalar(select(SubjectKey).limit(1))
        if row is None:
            return
        try:
            self._root.unwrap("key", row.subject_id, row.wrapped)
        except NotFound:
            raise ConfigError(
                N_("%(path)s is not the key that the data were sealed with. Restore it from a backup."),
                path=ROOT_KEY_FILE,
            ) from None

    def create_subject(self, session: Session, subject_id: str) -> None:
        """Give a new subject a key of their own."""
        wrapped = self._root.wrap("key", subject_id, TextKey.new())
        session.add(SubjectKey(subject_id=subject_id, wrapped=wrapped, created_at=self._clock.now()))

    def destroy_subject(self, session: Session, subject_id: str) -> None:
        """Crypto-shred: what is sealed under this key, and under keys it wraps, is unreadable from
        the commit on.
        """
        session.execute(delete(SubjectKey).where(SubjectKey.subject_id == subject_id))
        session.info.pop((SubjectKey, subject_id), None)

    def subject(self, session: Session, subject_id: str) -> TextKey:
        """The subject's key. NotFound when it was destroyed."""
        known = session.info.get((SubjectKey, subject_id))
        if isinstance(known, TextKey):
            return known
        row = session.get(SubjectKey, subject_id)
        if row is None:
            raise NotFound(N_("This text was deleted: its key no longer exists."))
        key = session.info[SubjectKey, subject_id] = self._root.unwrap("key", subject_id, row.wrapped)
        return key

    def seal(self, session: Session, subject_id: str, kind: str, row_id: str, text: str) -> bytes:
        """`text` under the subject's own key."""
        return self.subject(session, subject_id).seal(kind, row_id, text)

    def unseal(self, session: Session, subject_id: str, kind: str, row_id: str, sealed: bytes) -> str:
        """The text again. NotFound when the key was destroyed or the bytes were changed."""
        return self.subject(session, subject_id).unseal(kind, row_id, sealed)

    def pseudonym(self, text: str) -> str:
        """A keyed 128-bit name for something that must not be stored in clear, as hex."""
        return hmac.new(self._names, text.encode(), hashlib.sha256).hexdigest()[:32]
