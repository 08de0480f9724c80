"""Envelope encryption of what people write (docs/security.md, "Keys and data at rest").

One root key (keys/root.key, 0600) wraps one key per subject; every text is AES-256-GCM
(NIST SP 800-38D) under its subject's key with the row's identity as associated data, so
a ciphertext moved to another row does not open. Destroying the wrapped key makes all of
a subject's texts unreadable at once, here and in every copy of them.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.clock import Clock
from appliance.errors import N_, ConfigError, NotFound
from appliance.keyfile import KEY_BYTES, read_or_create_key
from appliance.storage.base import Base
from appliance.storage.folder import ROOT_KEY_FILE

NONCE_BYTES = 12


class SubjectKey(Base):
    """A subject's data key, wrapped by the root key. No row, no way to read them again."""

    __tablename__ = "subject_keys"

    subject_id: Mapped[str] = mapped_column(primary_key=True)
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]


class Vault:
    """Seals and opens texts. Holds the root key in memory and nothing else; thread-safe."""

    def __init__(self, root_key: bytes, clock: Clock) -> None:
        self._root = AESGCM(_derive(root_key, "wrap"))
        self._names = _derive(root_key, "names")
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
            _decrypt(self._root, row.wrapped, _label("key", row.subject_id))
        except NotFound:
            raise ConfigError(
                N_("%(path)s is not the key that the data were sealed with. Restore it from a backup."),
                path=ROOT_KEY_FILE,
            ) from None

    def create_subject(self, session: Session, subject_id: str) -> None:
        """Give a new subject a key of their own."""
        wrapped = _encrypt(self._root, secrets.token_bytes(KEY_BYTES), _label("key", subject_id))
        session.add(SubjectKey(subject_id=subject_id, wrapped=wrapped, created_at=self._clock.now()))

    def destroy_subject(self, session: Session, subject_id: str) -> None:
        """Crypto-shred: everything sealed for this subject is unreadable from the commit on."""
        session.execute(delete(SubjectKey).where(SubjectKey.subject_id == subject_id))

    def seal(self, session: Session, subject_id: str, kind: str, row_id: str, text: str) -> bytes:
        """`text` as nonce || ciphertext || tag, bound to (kind, row_id)."""
        cipher = AESGCM(self._subject_key(session, subject_id))
        return _encrypt(cipher, text.encode(), _label(kind, row_id))

    def unseal(self, session: Session, subject_id: str, kind: str, row_id: str, sealed: bytes) -> str:
        """The text again. NotFound when the key was destroyed or the bytes were changed."""
        cipher = AESGCM(self._subject_key(session, subject_id))
        return _decrypt(cipher, sealed, _label(kind, row_id)).decode()

    def commitment_key(self, session: Session, subject_id: str) -> bytes:
        """The key of this subject's audit commitments; dies with the subject's key."""
        return _derive(self._subject_key(session, subject_id), "commit")

    def pseudonym(self, text: str) -> str:
        """A keyed 128-bit name for something that must not be stored in clear, as hex."""
        return hmac.new(self._names, text.encode(), hashlib.sha256).hexdigest()[:32]

    def _subject_key(self, session: Session, subject_id: str) -> bytes:
        row = session.get(SubjectKey, subject_id)
        if row is None:
            raise NotFound(N_("This text was deleted: its key no longer exists."))
        session.info[SubjectKey, subject_id] = row  # a session forgets what nobody holds and asks again
        return _decrypt(self._root, row.wrapped, _label("key", subject_id))


def _derive(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, b"naesil/" + purpose.encode(), hashlib.sha256).digest()


def _label(kind: str, row_id: str) -> bytes:
    return f"{kind}\x00{row_id}".encode()


def _encrypt(cipher: AESGCM, data: bytes, label: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, label)


def _decrypt(cipher: AESGCM, sealed: bytes, label: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label)
    except (InvalidTag, ValueError):
        raise NotFound(N_("This text cannot be read: it was changed or belongs elsewhere.")) from None
