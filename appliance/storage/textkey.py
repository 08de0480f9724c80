"""One data key, unwrapped: what is sealed with it, bound to its row. AES-256-GCM (NIST SP 800-38D)."""

import hashlib
import hmac
import secrets
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import N_, NotFound
from appliance.keyfile import KEY_BYTES

NONCE_BYTES = 12


class TextKey:
    """32 bytes in memory, for no longer than the session they were unwrapped in; thread-safe."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, kind: str, row_id: str, text: str) -> bytes:
        """`text` as nonce || ciphertext || tag, bound to (kind, row_id)."""
        return self._encrypt(text.encode(), kind, row_id)

    def unseal(self, kind: str, row_id: str, sealed: bytes) -> str:
        """The text again. NotFound when the bytes were changed, or are another key's or row's."""
        return self._decrypt(sealed, kind, row_id).decode()

    def wrap(self, kind: str, row_id: str, inner: "TextKey") -> bytes:
        """Another key, sealed like a text."""
        return self._encrypt(inner._key, kind, row_id)

    def unwrap(self, kind: str, row_id: str, wrapped: bytes) -> "TextKey":
        """That key again. NotFound as for `unseal`."""
        return TextKey(self._decrypt(wrapped, kind, row_id))

    @property
    def for_commitments(self) -> bytes:
        """The key of audit commitments to texts under this key; dies with it."""
        return derived(self._key, "commit")

    def _encrypt(self, data: bytes, kind: str, row_id: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, _label(kind, row_id))

    def _decrypt(self, sealed: bytes, kind: str, row_id: str) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _label(kind, row_id))
        except (InvalidTag, ValueError):
            raise NotFound(N_("This text cannot be read: it was changed or belongs elsewhere.")) from None


def derived(key: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose, by HMAC-SHA-256."""
    return hmac.new(key, b"naesil/" + purpose.encode(), hashlib.sha256).digest()


def _label(kind: str, row_id: str) -> bytes:
    return f"{kind}\x00{row_id}".encode()
