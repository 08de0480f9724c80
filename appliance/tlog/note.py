"""Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint with Ed25519 (RFC 8032).

A checkpoint's text is three lines: origin, tree size, root hash in base64. A note is a text,
an empty line, and signature lines "— name base64(key id || signature)".
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME = re.compile(r"[^\s+]+")


class NoteError(Exception):
    """The text is not a well-formed note, checkpoint or key, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: whose log, how many entries, which root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name; its text form is what an auditor keeps."""

    name: str
    key: bytes

    def __str__(self) -> str:
        return f"{self.name}+{_key_id(self.name, self.key).hex()}+{_encode(ED25519 + self.key)}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """From "name+keyid+base64". NoteError when it is malformed or its id is wrong."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise NoteError("not a verifier key")
        data = _decode(parts[2])
        verifier = cls(parts[0], data[1:])
        if not _NAME.fullmatch(verifier.name):
            raise NoteError("not a key's name")
        if len(data) != 33 or str(verifier) != text.strip():
            raise NoteError("not an Ed25519 verifier key")
        return verifier

    def open(self, note: str) -> str:
        """The text of a note this key signed. NoteError otherwise."""
        text, separator, signatures = note.rpartition("\n\n")
        if not separator or not signatures.endswith("\n") or _CONTROL.search(note):
            raise NoteError("not a signed note")
        text += "\n"
        ours = False
        for line in signatures[:-1].split("\n"):
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if dash != "—" or not encoded:
                raise NoteError("malformed signature line")
            data = _decode(encoded)
            if name == self.name and data[:4] == _key_id(self.name, self.key):
                self._check(data[4:], text)
                ours = True
        if not ours:
            raise NoteError("not signed by this key")
        return text

    def checkpoint(self, note: str) -> Checkpoint:
        """The checkpoint in a note this key signed. NoteError otherwise."""
        return parse_checkpoint(self.open(note))

    def _check(self, signature: bytes, text: str) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            raise NoteError("the signature does not hold") from None


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note: `text`, which ends in a newline, with this key's signature."""
        if not text.endswith("\n"):
            raise NoteError("a note's text ends in a newline")
        signature = self._key.sign(text.encode())
        name = self.verifier.name
        return f"{text}\n— {name} {_encode(_key_id(name, self.verifier.key) + signature)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The first three lines of a checkpoint. NoteError when they are malformed."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise NoteError("not a checkpoint")
    root = _decode(lines[2])
    if len(root) != 32:
        raise NoteError("not a root hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def _key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key).digest()[:4]


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
    if _encode(data) != text:
        raise NoteError("not canonical base64")
    return data
