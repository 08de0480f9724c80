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

from appliance.tlog.faults import NoteError

ED25519 = b"\x01"
MAX_NOTE_CHARACTERS = 256 * 1024
MAX_SIGNATURES = 64
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME = re.compile(r"[^\s+]+")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose key, its short id, and the bytes that key's algorithm made."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        return f"— {self.name} {encode64(self.key_id + self.data)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its last newline included, and its signatures, none of them checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> "Note":
        """The parts of a well-formed note. NoteError otherwise."""
        text, separator, lines = note.rpartition("\n\n")
        if not separator or not lines.endswith("\n") or _CONTROL.search(note):
            raise NoteError("not a signed note")
        if len(note) > MAX_NOTE_CHARACTERS or lines.count("\n") > MAX_SIGNATURES:
            raise NoteError("a note with too many signatures")
        return cls(text + "\n", tuple(parse_signature(line) for line in lines[:-1].split("\n")))

    def of(self, name: str, key_id: bytes) -> list[bytes]:
        """What the key of that name and id is said to have signed."""
        return [one.data for one in self.signatures if (one.name, one.key_id) == (name, key_id)]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(one.line() for one in self.signatures)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: whose log, how many entries, which root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name; its text form is what an auditor keeps."""

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, ED25519, self.key)

    def __str__(self) -> str:
        return key_text(self.name, ED25519, self.key)

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """From "name+keyid+base64". NoteError when it is malformed or its id is wrong."""
        name, kind, key = parse_key(text)
        if kind != ED25519 or len(key) != 32:
            raise NoteError("not an Ed25519 verifier key")
        return cls(name, key)

    def open(self, note: str) -> str:
        """The text of a note this key signed. NoteError otherwise."""
        parsed = Note.parse(note)
        ours = parsed.of(self.name, self.key_id)
        if not ours:
            raise NoteError("not signed by this key")
        for signature in ours:
            verify_ed25519(self.key, signature, parsed.text.encode())
        return parsed.text

    def checkpoint(self, note: str) -> Checkpoint:
        """The checkpoint in a note this key signed. NoteError otherwise."""
        return parse_checkpoint(self.open(note))


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
        return str(Note(text, (Signature(self.verifier.name, self.verifier.key_id, signature),)))


def parse_checkpoint(text: str) -> Checkpoint:
    """The first three lines of a checkpoint. NoteError when they are malformed."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not _SIZE.fullmatch(lines[1]):
        raise NoteError("not a checkpoint")
    root = decode64(lines[2])
    if len(root) != 32:
        raise NoteError("not a root hash")
    return Checkpoint(lines[0], int(lines[1]), root)


def told_checkpoint(note: str) -> Checkpoint:
    """What a signed note says, its signatures not checked. NoteError when it is malformed."""
    return parse_checkpoint(Note.parse(note).text)


def parse_signature(line: str) -> Signature:
    """One signature line without its newline. NoteError when it is malformed."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not encoded or not _NAME.fullmatch(name):
        raise NoteError("malformed signature line")
    data = decode64(encoded)
    if len(data) < 5:
        raise NoteError("malformed signature line")
    return Signature(name, data[:4], data[4:])


def parse_key(text: str) -> tuple[str, bytes, bytes]:
    """(name, type byte, public key) of a verifier key "name+keyid+base64". NoteError otherwise."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise NoteError("not a verifier key")
    data = decode64(parts[2])
    if not _NAME.fullmatch(parts[0]):
        raise NoteError("not a key's name")
    if len(data) < 2 or key_text(parts[0], data[:1], data[1:]) != text.strip():
        raise NoteError("not a verifier key")
    return parts[0], data[:1], data[1:]


def key_text(name: str, kind: bytes, key: bytes) -> str:
    """The text form of a public key, as auditors keep it."""
    return f"{name}+{key_id(name, kind, key).hex()}+{encode64(kind + key)}"


def key_id(name: str, kind: bytes, key: bytes) -> bytes:
    """The first four bytes of SHA-256(name, newline, type byte, public key)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def verify_ed25519(key: bytes, signature: bytes, message: bytes) -> None:
    """NoteError when the signature does not hold."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NoteError("the signature does not hold") from None


def encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode64(text: str) -> bytes:
    """The bytes of canonical base64. NoteError otherwise."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
    if encode64(data) != text:
        raise NoteError("not canonical base64")
    return data
