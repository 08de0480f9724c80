"""Cosignatures: C2SP tlog-cosignature, timestamped, with Ed25519 (type 0x04) or ML-DSA-44 (type 0x06).

A cosigner says that, as of a time in POSIX seconds, the checkpoint is the largest consistent one
it has seen of that log. The log itself may use the ML-DSA-44 form as its second signature.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.tlog.faults import NoteError
from appliance.tlog.note import (
    Note,
    Signature,
    key_id,
    key_text,
    parse_checkpoint,
    parse_key,
    verify_ed25519,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

ED25519_COSIGNATURE = b"\x04"
ML_DSA_44_COSIGNATURE = b"\x06"
SIZES = {ED25519_COSIGNATURE: (32, 64), ML_DSA_44_COSIGNATURE: (1312, 2420)}  # bytes of key, signature
MAX_TIME = 2**63 - 1
_NO_ML_DSA = "this computer's package 'cryptography' has no ML-DSA-44"


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """A cosigner's public key with its name and its type byte."""

    name: str
    kind: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> "CosignerKey":
        """From "name+keyid+base64". NoteError when it is malformed or of another kind."""
        name, kind, key = parse_key(text)
        if kind not in SIZES or len(key) != SIZES[kind][0]:
            raise NoteError("not a cosigner's key")
        return cls(name, kind, key)

    def __str__(self) -> str:
        return key_text(self.name, self.kind, self.key)

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.kind, self.key)

    def times(self, note: Note) -> list[int]:
        """When this key cosigned the note; empty when it did not. NoteError for one that does not hold."""
        return [self._check(data, note.text) for data in note.of(self.name, self.key_id)]

    def open_statement(self, note: Note) -> str:
        """The text of a note that is no checkpoint, which this ML-DSA-44 key stated. NoteError otherwise."""
        ours = note.of(self.name, self.key_id)
        if not ours or self.kind != ML_DSA_44_COSIGNATURE:
            raise NoteError("not signed by this key")
        for signature in ours:
            _verify_ml_dsa(self.key, signature, _stated(note.text))
        return note.text

    def _check(self, data: bytes, text: str) -> int:
        if len(data) != 8 + SIZES[self.kind][1]:
            raise NoteError("a cosignature of the wrong length")
        time: int = struct.unpack(">Q", data[:8])[0]
        if time > MAX_TIME:
            raise NoteError("a cosignature of an impossible time")
        message = _message(self.kind, self.name, time, text)
        if self.kind == ED25519_COSIGNATURE:
            verify_ed25519(self.key, data[8:], message)
            return time
        _verify_ml_dsa(self.key, data[8:], message)
        return time


class Cosigner:
    """A cosigner's private key: a seed of 32 bytes."""

    def __init__(self, name: str, seed: bytes, kind: bytes = ED25519_COSIGNATURE) -> None:
        self._key = (
            Ed25519PrivateKey.from_private_bytes(seed) if kind == ED25519_COSIGNATURE else _ml_dsa_key(seed)
        )
        self.public = CosignerKey(name, kind, self._key.public_key().public_bytes_raw())

    def cosign(self, text: str, time: int) -> Signature:
        """The cosignature of a checkpoint's text at a POSIX time in seconds. NoteError for another text."""
        parse_checkpoint(text)
        message = _message(self.public.kind, self.public.name, time, text)
        data = struct.pack(">Q", time) + self._key.sign(message)
        return Signature(self.public.name, self.public.key_id, data)

    def state(self, text: str) -> Signature:
        """The signature of a log's ML-DSA-44 key on a text of its own, which is no checkpoint."""
        return Signature(self.public.name, self.public.key_id, self._key.sign(_stated(text)))


def _stated(text: str) -> bytes:
    """Never the message of a cosignature, which begins with another word."""
    return b"naesil statement/v1\n\x00" + text.encode()


def _verify_ml_dsa(key: bytes, signature: bytes, message: bytes) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey  # noqa: PLC0415 - new there

        MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NoteError("the signature does not hold") from None
    except (ImportError, UnsupportedAlgorithm):
        raise NoteError(_NO_ML_DSA) from None


def _ml_dsa_key(seed: bytes) -> "MLDSA44PrivateKey":
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey  # noqa: PLC0415 - new there

        return MLDSA44PrivateKey.from_seed_bytes(seed)
    except (ImportError, UnsupportedAlgorithm):
        raise NoteError(_NO_ML_DSA) from None


def _message(kind: bytes, name: str, time: int, text: str) -> bytes:
    if kind == ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    checkpoint = parse_checkpoint(text)
    if checkpoint.text() != text:
        raise NoteError("an ML-DSA-44 cosignature cannot speak for extension lines")
    parts = name.encode(), checkpoint.origin.encode()
    if not all(0 < len(part) < 256 for part in parts):
        raise NoteError("a name that is too long for ML-DSA-44 cosignatures")
    return b"".join(
        [
            b"subtree/v1\n\x00",
            bytes([len(parts[0])]) + parts[0],
            struct.pack(">Q", time),
            bytes([len(parts[1])]) + parts[1],
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        ]
    )
