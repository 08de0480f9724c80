"""Auditors' secret keys and the boxes sealed to them: HPKE (RFC 9180; X25519, HKDF-SHA256, AES-256-GCM).

A box holds one text, with the key of its entry's commitment, so that whoever opens it can tell that
it is the text that the log committed to. It is JSON:

{"v": 1, "to": [{"key": ID, "wrap": BASE64}, ...], "body": BASE64}

`body` is nonce || AES-256-GCM under a key of its own, bound to the entry's id; `wrap` is that key,
sealed by HPKE to one auditor, bound to the same. The secret keys exist on auditors' machines only.
"""

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.evidence.auditorkey import X25519_BYTES, AuditorKey
from appliance.evidence.faults import N_, unsound
from appliance.tlog.faults import NoteError
from appliance.tlog.note import decode64, encode64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import Suite

AUDITOR_SECRET = "NAESIL-AUDITOR-SECRET"  # noqa: S105 - the word before the key, not one
BOX_INFO = b"naesil/sealed-text/1\x00"
BOX_NONCE_BYTES = 12


class AuditorSecret:
    """An auditor's secret key. It is in no message, and not in what is printed of it."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public = AuditorKey(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "AuditorSecret":
        """From the text of a key file. NoteError when there is no such key in it."""
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if word == AUDITOR_SECRET and len(seed := decode64(encoded.strip())) == X25519_BYTES:
                found = cls(name, seed)
                AuditorKey.parse(str(found.public))
                return found
        raise NoteError("not an auditor's secret key")

    def text(self) -> str:
        """The key file: the secret, with the public key beside it for whoever lost that."""
        return (
            "# Whoever has this file reads what is sealed for the auditors. Keep it off the network.\n"
            f"# public key, for audit.yaml: {self.public}\n"
            f"{AUDITOR_SECRET} {self.public.name} {encode64(self._key.private_bytes_raw())}\n"
        )

    def unwrap(self, wrapped: bytes, entry_id: str) -> bytes:
        """The key of a box. InvalidTag when it was not sealed to this one or for another entry."""
        return _suite().decrypt(wrapped, self._key, BOX_INFO + entry_id.encode())


def new_auditor(name: str) -> AuditorSecret:
    """A fresh key pair. NoteError for a name that no key can have."""
    made = AuditorSecret(name, secrets.token_bytes(X25519_BYTES))
    AuditorKey.parse(str(made.public))
    return made


def write_private(path: str | os.PathLike[str], text: str) -> None:
    """A new file that its owner alone may read. OSError, as when there is one already."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def seal_box(auditors: tuple[AuditorKey, ...], entry_id: str, commitment_key: bytes, text: str) -> str:
    """The box around a text and the key of its commitment, for each of these auditors."""
    key, nonce, label = AESGCM.generate_key(256), secrets.token_bytes(BOX_NONCE_BYTES), entry_id.encode()
    inner = json.dumps({"key": commitment_key.hex(), "text": text}, ensure_ascii=False)
    body = nonce + AESGCM(key).encrypt(nonce, inner.encode("utf-8", "surrogatepass"), label)
    suite = _suite()
    wraps = [
        {
            "key": one.id,
            "wrap": encode64(
                suite.encrypt(key, X25519PublicKey.from_public_bytes(one.key), BOX_INFO + label)
            ),
        }
        for one in auditors
    ]
    return json.dumps({"v": 1, "to": wraps, "body": encode64(body)})


def open_box(secret: AuditorSecret, entry_id: str, box: Any, entry: int) -> tuple[bytes, str]:
    """(key of the commitment, text). `Unsound` when it is for others, was changed, or is no box."""
    try:
        ours = [one["wrap"] for one in box["to"] if one["key"] == secret.public.id]
        if box["v"] != 1 or len(ours) > 1:
            raise ValueError("another form")
        if not ours:
            raise unsound(
                "box-for-others", N_("The text of entry %(entry)d is sealed to others."), entry=entry
            )
        body = decode64(box["body"])
        key = secret.unwrap(decode64(ours[0]), entry_id)
        inner = AESGCM(key).decrypt(body[:BOX_NONCE_BYTES], body[BOX_NONCE_BYTES:], entry_id.encode())
        told = json.loads(inner.decode("utf-8", "surrogatepass"))
        return bytes.fromhex(told["key"]), str(told["text"])
    except (InvalidTag, NoteError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise unsound(
            "box-damaged", N_("The sealed text of entry %(entry)d was changed or damaged."), entry=entry
        ) from None


def _suite() -> "Suite":
    try:
        from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite  # noqa: PLC0415 - new in 47
    except ImportError:
        raise unsound(
            "no-hpke", N_("Sealed texts need version 47 or later of the package 'cryptography'.")
        ) from None
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
