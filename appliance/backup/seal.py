"""The outer form of a backup: a header anybody may read, then frames that only the key opens.

    "naesil backup 1\\n" | length of the header (4 bytes) | header, JSON | frame | frame | ...
    frame: length (4 bytes; the top bit marks the last one) | AES-256-GCM ciphertext and tag

Every frame is bound to the whole header (associated data) and to its place (nonce: count and
last-mark), after Hoang, Reyhanitabar, Rogaway and Vizar, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance" (2015): frames cannot be changed, swapped, dropped or cut off unseen.
Numbers are big-endian. One frame is in memory at a time.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.backup.errors import damaged, not_a_backup
from appliance.backup.keys import MAX_LOG_N, SALT_BYTES, SCRYPT_LOG_N, Secret
from appliance.errors import N_, ConfigError
from appliance.keyfile import KEY_BYTES

MAGIC = b"naesil backup 1\n"
CHUNK_BYTES = 256 * 1024
TAG_BYTES = 16
LENGTH_BYTES = 4
LAST = 1 << 31
MAX_HEADER_BYTES = 64 * 1024
WRAP_NONCE = bytes(12)  # the wrapping key is new with every salt, so it is used once
CUT_SHORT = N_("the file ends before its last frame")
CHANGED = N_("it was changed")
LONGER = N_("something follows the last frame")


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup says of itself to anybody. `key`: what kind of secret opens it."""

    id: str
    created: str
    product: str
    schema: str
    database: str
    models: bool
    key: str
    salt: bytes
    log_n: int = 0
    wrapped: bytes = b""


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup whose key fits: its header, and its plaintext frame by frame."""

    header: Header
    pieces: Iterator[bytes]


class SealedWriter:
    """Writes a backup's frames to `file`. `finish` makes it whole."""

    def __init__(self, file: IO[bytes], header: Header, secret: Secret) -> None:
        self._file = file
        self._buffer = bytearray()
        self._count = 0
        salt, key = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(KEY_BYTES)
        log_n = SCRYPT_LOG_N if secret.kind == "passphrase" else 0
        wrapped = AESGCM(secret.key(salt, log_n)).encrypt(WRAP_NONCE, key, salt)
        told = msgspec.json.encode(
            msgspec.structs.replace(header, key=secret.kind, salt=salt, log_n=log_n, wrapped=wrapped)
        )
        self._cipher, self._binding = AESGCM(key), hashlib.sha256(told).digest()
        file.write(MAGIC + len(told).to_bytes(LENGTH_BYTES, "big") + told)

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > CHUNK_BYTES:
            self._frame(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]

    def finish(self) -> None:
        """The last frame; after it the file is on the disk."""
        self._frame(bytes(self._buffer), last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _frame(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._count, last=last), data, self._binding)
        self._count += 1
        self._file.write((len(sealed) | (LAST if last else 0)).to_bytes(LENGTH_BYTES, "big") + sealed)


def read_header(file: IO[bytes], path: Path) -> tuple[Header, bytes]:
    """The header and its bytes; `file` stands at the first frame then. Damaged for any other file."""
    if file.read(len(MAGIC)) != MAGIC:
        raise not_a_backup(path)
    length = int.from_bytes(file.read(LENGTH_BYTES), "big")
    told = file.read(min(length, MAX_HEADER_BYTES))
    try:
        header = msgspec.json.decode(told, type=Header)
    except msgspec.DecodeError:
        raise not_a_backup(path) from None
    if len(told) != length or header.log_n > MAX_LOG_N or header.key not in ("passphrase", "key-file"):
        raise not_a_backup(path)
    return header, told


def open_sealed(file: IO[bytes], path: Path, secret: Secret) -> Opened:
    """A backup and its plaintext. ConfigError when the secret does not open it; `pieces` raises Damaged."""
    header, told = read_header(file, path)
    if secret.kind != header.key:
        raise ConfigError(_WANTED[header.key])
    try:
        wrapping = AESGCM(secret.key(header.salt, header.log_n))
        key = wrapping.decrypt(WRAP_NONCE, header.wrapped, header.salt)
    except (InvalidTag, ValueError):
        raise ConfigError(
            N_("This passphrase or key file does not open the backup, or the backup's beginning was changed.")
        ) from None
    offset = len(MAGIC) + LENGTH_BYTES + len(told)
    return Opened(header, _frames(file, AESGCM(key), hashlib.sha256(told).digest(), offset))


def _frames(file: IO[bytes], cipher: AESGCM, binding: bytes, offset: int) -> Iterator[bytes]:
    count, last = 0, False
    while not last:
        prefix = file.read(LENGTH_BYTES)
        if len(prefix) < LENGTH_BYTES:
            raise damaged(count + 1, offset, CUT_SHORT)
        told = int.from_bytes(prefix, "big")
        last, length = bool(told & LAST), told & ~LAST
        if not TAG_BYTES <= length <= CHUNK_BYTES + TAG_BYTES:
            raise damaged(count + 1, offset, CHANGED)
        sealed = file.read(length)
        if len(sealed) < length:
            raise damaged(count + 1, offset, CUT_SHORT)
        try:
            yield cipher.decrypt(_nonce(count, last=last), sealed, binding)
        except InvalidTag:
            raise damaged(count + 1, offset, CHANGED) from None
        count, offset = count + 1, offset + LENGTH_BYTES + length
    if file.read(1):
        raise damaged(count + 1, offset, LONGER)


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])


_WANTED = {
    "passphrase": N_("This backup was sealed with a passphrase: give --passphrase-file."),
    "key-file": N_("This backup was sealed with a recovery key: give --key-file."),
}
