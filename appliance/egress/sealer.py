"""The sealer: holds the log's signing key and signs only heads that extend the last one.

The last signed head is on disk before its signature leaves, so a taken-over web process, a
rolled-back database or a crash can never get two different trees signed. A crash between
writing the head and answering is harmless: the same head is signed again when asked again.
"""

import hashlib
import secrets
import socket
import threading
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Protocol

from appliance.clock import Clock, SystemClock
from appliance.egress import attestation
from appliance.egress.logfolder import (
    HEAD_FILE,
    KEY_FILE,
    NEXT_KEY_FILE,
    PUBLIC_FILE,
    REPLACED_FILE,
    alone,
    head_text,
    read_head,
    read_public,
    read_replaced,
    read_ring,
    write_whole,
)
from appliance.egress.logkey import SEED_BYTES, LogKey, below
from appliance.errors import N_, ConfigError, StorageFailed
from appliance.evidence.rotation import Rotation
from appliance.keyfile import read_key, read_or_create_key
from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.protocol.sealing import FromSealer, GetHead, Head, Refused, Replaced, Sign, Signed, ToSealer
from appliance.tlog.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from appliance.tlog.note import Signer

READ_BYTES = 65536
ANSWER_TIMEOUT_S = 5.0


class Sealer(Protocol):
    """Whoever can sign the log's heads. Raises StorageFailed when it cannot or will not."""

    def head(self) -> Head: ...

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str: ...


class LocalSealer:
    """The sealer itself, over the keys folder. Several may exist; a file lock lets one sign at a time.

    Raises ConfigError when a part of the keys folder is missing, damaged or somebody else's.
    """

    def __init__(self, keys_folder: Path, clock: Clock | None = None) -> None:
        self._folder = keys_folder
        self._clock = clock or SystemClock()
        key, public = keys_folder / KEY_FILE, keys_folder / PUBLIC_FILE
        if not key.exists() and (public.exists() or (keys_folder / HEAD_FILE).exists()):
            raise ConfigError(
                N_("%(path)s is missing but a log was signed with it. Restore it from a backup."), path=key
            )
        seed = read_or_create_key(key)
        with alone(keys_folder):
            if not public.exists():
                self._make_folder(seed)
            self._open()

    def head(self) -> Head:
        with alone(self._folder):
            self._follow()
            size, root = read_head(self._folder / HEAD_FILE)
            keys, replaced = read_public(self._folder), read_replaced(self._folder)
        return Head(size, root, str(self._key.public.first), keys, replaced)

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        """The signed checkpoint. StorageFailed when the head does not extend the last one.

        A crash before the new head is on disk leaves the old one in force; after it, this head
        is the last, and nothing but it or what extends it is ever signed.
        """
        try:
            with alone(self._folder):
                self._follow()
                old_size, old_root = read_head(self._folder / HEAD_FILE)
                if len(root) != HASH_BYTES or not verify_consistency(
                    old_size, size, old_root, root, list(proof)
                ):
                    raise StorageFailed(N_("The audit log does not continue the one that was signed before."))
                write_whole(self._folder / HEAD_FILE, head_text(size, root))
                return self._key.checkpoint(size, root, self._seconds())
        except OSError:
            raise _unwritable() from None

    def attest(self, text: str) -> str:
        """The signed note of an attestation of the guard; nothing else is signed that is no head."""
        if not attestation.is_statement(text):
            raise StorageFailed(N_("The sealer signs heads of the log and attestations of the guard alone."))
        with alone(self._folder):
            self._follow()
            return self._key.attest(text)

    def prepare(self, *, second: bool | None = None) -> str:
        """Make the next key; its public keys, which the log should name before `replace`.

        `second`: whether it has an ML-DSA-44 key too; None: as the present one. A crash leaves a key
        that nobody trusts and that the next `prepare` replaces.
        """
        try:
            with alone(self._folder):
                self._follow()
                seed = secrets.token_bytes(SEED_BYTES)
                present = self._key.public
                wanted = present.second is not None if second is None else second
                write_whole(self._folder / NEXT_KEY_FILE, seed)
                return LogKey(present.first.name, seed, second=wanted).public.text()
        except OSError:
            raise _unwritable() from None

    def replace(self, keys: str) -> Replaced:
        """Put the prepared key of these public keys into office; the old one is destroyed.

        The statement on disk is what decides: a crash before it leaves the old key in office, a crash
        after it is mended by whoever opens the folder next. StorageFailed when no such key waits.
        """
        try:
            with alone(self._folder):
                self._follow()
                following = self._waiting(keys)
                size, root = read_head(self._folder / HEAD_FILE)
                time = self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
                name = self._key.public.first.name
                statement = Rotation(name, size, root, self._key.public, following.public, time).text()
                note = below(self._key.state(statement), following.state(statement))
                at = size, root, self._seconds()
                checkpoint = below(self._key.checkpoint(*at), following.checkpoint(*at))
                replaced = read_replaced(self._folder) + note
                write_whole(self._folder / REPLACED_FILE, replaced.encode())
                self._open()
                return Replaced(size, note, checkpoint)
        except OSError:
            raise _unwritable() from None

    def _waiting(self, keys: str) -> LogKey:
        path = self._folder / NEXT_KEY_FILE
        second = len(keys.splitlines()) > 1
        key = LogKey(self._key.public.first.name, read_key(path), second=second) if path.exists() else None
        if key is None or key.public.text() != keys:
            raise StorageFailed(N_("No new key of this name waits to take over. Begin again."))
        return key

    def _make_folder(self, seed: bytes) -> None:
        if not (self._folder / HEAD_FILE).exists():
            write_whole(self._folder / HEAD_FILE, head_text(0, EMPTY_ROOT))
        name = _origin(Signer("", seed).verifier.key)
        write_whole(self._folder / PUBLIC_FILE, LogKey(name, seed).public.text().encode())

    def _open(self) -> None:
        """Take the keys in office from the folder; finish a replacement that a crash cut short."""
        office = read_ring(self._folder).newest
        path, waiting = self._folder / KEY_FILE, self._folder / NEXT_KEY_FILE
        name, second = office.first.name, office.second is not None
        if waiting.exists() and LogKey(name, read_key(waiting), second=second).public == office:
            waiting.replace(path)
        self._key = LogKey(name, read_key(path), second=second)
        if self._key.public != office:
            raise ConfigError(
                N_("%(path)s is not the key that signed this log. Restore it from a backup."), path=path
            )
        if read_public(self._folder) != office.text():
            write_whole(self._folder / PUBLIC_FILE, office.text().encode())
        read_head(self._folder / HEAD_FILE)

    def _follow(self) -> None:
        """Another process may have replaced the key meanwhile."""
        if read_public(self._folder) != self._key.public.text():
            self._open()

    def _seconds(self) -> int:
        return int(self._clock.now().timestamp())


class SealerClient:
    """The sealer process at the other end of a socketpair. Thread-safe; one question at a time.

    After any failure the line is closed, so that a late answer is never taken for the next one;
    the sealer then ends, is started again, and its new line comes with `attach`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._lock = threading.Lock()
        self._sock = sock
        sock.settimeout(ANSWER_TIMEOUT_S)

    def attach(self, sock: socket.socket) -> None:
        """Talk to a new sealer from the next question on."""
        sock.settimeout(ANSWER_TIMEOUT_S)
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # ends a question that waits for the old one
        with self._lock:
            self._sock.close()
            self._sock = sock

    def close(self) -> None:
        """End the line; the sealer at its other end goes home."""
        with self._lock:
            self._sock.close()

    def head(self) -> Head:
        answer = self._ask(GetHead())
        if isinstance(answer, Head):
            return answer
        self.close()
        raise _away()

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        answer = self._ask(Sign(size, root, proof))
        if isinstance(answer, Signed):
            return answer.note
        if isinstance(answer, Refused):
            raise StorageFailed(answer.reason)
        self.close()
        raise _away()

    def _ask(self, question: GetHead | Sign) -> FromSealer:
        decoder: Decoder[FromSealer] = Decoder(FromSealer)
        with self._lock:
            try:
                self._sock.sendall(encode(question))
                while data := self._sock.recv(READ_BYTES):
                    if answers := decoder.feed(data):
                        return answers[0]
            except (OSError, FramingError):
                pass  # the same for the caller as a line that was closed
            self._sock.close()
        raise _away()


def serve(sock: socket.socket, keys_folder: Path) -> None:
    """Answer until the other end closes or speaks nonsense. ConfigError for a keys folder gone bad."""
    sealer = LocalSealer(keys_folder)
    decoder: Decoder[ToSealer] = Decoder(ToSealer)
    with suppress(FramingError, BrokenPipeError, ConnectionResetError):
        while data := sock.recv(READ_BYTES):
            for question in decoder.feed(data):
                sock.sendall(encode(_answer(sealer, question)))


def _answer(sealer: LocalSealer, question: ToSealer) -> FromSealer:
    try:
        if isinstance(question, GetHead):
            return sealer.head()
        return Signed(sealer.sign(question.size, question.root, question.proof))
    except StorageFailed as error:
        return Refused(error.template)


def _origin(public_key: bytes) -> str:
    """A name for this log that tells two installations apart."""
    return f"naesil.log/{hashlib.sha256(public_key).hexdigest()[:16]}"


def _unwritable() -> StorageFailed:
    return StorageFailed(N_("The folder of the log's key cannot be written. Check its disk and permissions."))


def _away() -> StorageFailed:
    return StorageFailed(N_("The sealer does not answer. Entries are kept and sealed when it is back."))
