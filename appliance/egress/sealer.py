"""The sealer: holds the log's signing key and signs only heads that extend the last one.

The last signed head is on disk before its signature leaves, so a taken-over web process, a
rolled-back database or a crash can never get two different trees signed. A crash between
writing the head and answering is harmless: the same head is signed again when asked again.

In the keys folder: log.key (secret seed), log.head (last signed head), log.pub (public key;
made last, so where it is the other two must be).
"""

import base64
import fcntl
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from appliance.egress import attestation
from appliance.errors import N_, ConfigError, StorageFailed
from appliance.keyfile import read_or_create_key
from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.protocol.sealing import FromSealer, GetHead, Head, Refused, Sign, Signed, ToSealer
from appliance.tlog.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from appliance.tlog.note import Checkpoint, NoteError, Signer, Verifier

KEY_FILE = "log.key"
PUBLIC_FILE = "log.pub"
HEAD_FILE = "log.head"
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

    def __init__(self, keys_folder: Path) -> None:
        self._key_path = keys_folder / KEY_FILE
        self._head_path = keys_folder / HEAD_FILE
        public = keys_folder / PUBLIC_FILE
        if not self._key_path.exists() and (public.exists() or self._head_path.exists()):
            raise ConfigError(
                N_("%(path)s is missing but a log was signed with it. Restore it from a backup."),
                path=self._key_path,
            )
        seed = read_or_create_key(self._key_path)
        self._signer = Signer(_origin(Signer("", seed).verifier.key), seed)
        if public.exists():
            self._check_folder(keys_folder)
        else:
            self._make_folder(public)

    def head(self) -> Head:
        size, root = read_head(self._head_path)
        return Head(size, root, str(self._signer.verifier))

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        """The signed checkpoint. StorageFailed when the head does not extend the last one.

        A crash before the new head is on disk leaves the old one in force; after it, this head
        is the last, and nothing but it or what extends it is ever signed.
        """
        try:
            with self._alone():
                old_size, old_root = read_head(self._head_path)
                if len(root) != HASH_BYTES or not verify_consistency(
                    old_size, size, old_root, root, list(proof)
                ):
                    raise StorageFailed(N_("The audit log does not continue the one that was signed before."))
                _write(self._head_path, _head_text(size, root))
        except OSError:
            raise StorageFailed(
                N_("The folder of the log's key cannot be written. Check its disk and permissions.")
            ) from None
        return self._signer.sign(Checkpoint(self._signer.verifier.name, size, root).text())

    def attest(self, text: str) -> str:
        """The signed note of an attestation of the guard; nothing else is signed that is no head."""
        if not attestation.is_statement(text):
            raise StorageFailed(N_("The sealer signs heads of the log and attestations of the guard alone."))
        return self._signer.sign(text)

    def _make_folder(self, public: Path) -> None:
        if not self._head_path.exists():
            _write(self._head_path, _head_text(0, EMPTY_ROOT))
        _write(public, f"{self._signer.verifier}\n".encode())

    def _check_folder(self, keys_folder: Path) -> None:
        if read_verifier(keys_folder) != self._signer.verifier:
            raise ConfigError(
                N_("%(path)s is not the key that signed this log. Restore it from a backup."),
                path=self._key_path,
            )
        read_head(self._head_path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._key_path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


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


def read_verifier(keys_folder: Path) -> Verifier:
    """The log's public key. ConfigError before the first start."""
    path = keys_folder / PUBLIC_FILE
    try:
        return Verifier.parse(path.read_text("ascii"))
    except FileNotFoundError:
        raise ConfigError(
            N_("There is no audit log in this data folder yet: %(path)s is missing."), path=path
        ) from None
    except (NoteError, UnicodeDecodeError):
        raise _damaged(path) from None


def read_head(path: Path) -> tuple[int, bytes]:
    """(size, root) of the last signed head in log.head. ConfigError when it is missing or damaged."""
    try:
        value = json.loads(path.read_bytes())
        size, root = value["size"], base64.b64decode(value["root"], validate=True)
    except FileNotFoundError:
        raise ConfigError(
            N_("%(path)s is missing but a log was signed. Restore it from a backup."), path=path
        ) from None
    except (ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    if not isinstance(size, int) or size < 0 or len(root) != HASH_BYTES:
        raise _damaged(path)
    return size, root


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


def _head_text(size: int, root: bytes) -> bytes:
    return json.dumps({"size": size, "root": base64.b64encode(root).decode()}).encode()


def _damaged(path: Path) -> ConfigError:
    return ConfigError(N_("%(path)s is damaged. Restore it from a backup."), path=path)


def _write(path: Path, data: bytes) -> None:
    """Replace a file whole: the old content or the new one survives a crash, never half."""
    draft = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _away() -> StorageFailed:
    return StorageFailed(N_("The sealer does not answer. Entries are kept and sealed when it is back."))
