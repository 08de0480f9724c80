"""The sealer: holds the log's signing key and signs only heads that extend the last one.

The last signed head is on disk before its signature leaves, so a taken-over web process, a
rolled-back database or a crash can never get two different trees signed. A crash between
writing the head and answering is harmless: the same head is signed again when asked again.
"""

import base64
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Protocol

from appliance.errors import N_, ConfigError, StorageFailed
from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.protocol.sealing import FromSealer, GetHead, Head, Refused, Sign, Signed, ToSealer
from appliance.storage.keyfile import read_or_create_key
from appliance.tlog.merkle import EMPTY_ROOT, verify_consistency
from appliance.tlog.note import Checkpoint, Signer, Verifier

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
    """The sealer itself, over the keys folder. One at a time: the sequencer's lock sees to it."""

    def __init__(self, keys_folder: Path) -> None:
        seed = read_or_create_key(keys_folder / KEY_FILE)
        self._signer = Signer(_origin(seed), seed)
        self._head_path = keys_folder / HEAD_FILE
        _write(keys_folder / PUBLIC_FILE, f"{self._signer.verifier}\n".encode())

    def head(self) -> Head:
        size, root = read_head(self._head_path)
        return Head(size, root, str(self._signer.verifier))

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        """The signed checkpoint. StorageFailed when the head does not extend the last one."""
        old_size, old_root = read_head(self._head_path)
        if not verify_consistency(old_size, size, old_root, root, list(proof)):
            raise StorageFailed(N_("The audit log does not continue the one that was signed before."))
        value = {"size": size, "root": base64.b64encode(root).decode()}
        _write(self._head_path, json.dumps(value).encode())
        checkpoint = Checkpoint(self._signer.verifier.name, size, root)
        return self._signer.sign(checkpoint.text())


class SealerClient:
    """The sealer process at the other end of a socketpair. Used by one thread, the sequencer's."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._decoder: Decoder[FromSealer] = Decoder(FromSealer)
        self.attach(sock)

    def attach(self, sock: socket.socket) -> None:
        """Talk to a new sealer from the next question on."""
        sock.settimeout(ANSWER_TIMEOUT_S)
        self._sock = sock
        self._decoder = Decoder(FromSealer)

    def head(self) -> Head:
        answer = self._ask(GetHead())
        if isinstance(answer, Head):
            return answer
        raise _away()

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        answer = self._ask(Sign(size, root, proof))
        if isinstance(answer, Signed):
            return answer.note
        if isinstance(answer, Refused):
            raise StorageFailed(answer.reason)
        raise _away()

    def _ask(self, question: GetHead | Sign) -> FromSealer:
        sock, decoder = self._sock, self._decoder
        try:
            sock.sendall(encode(question))
            while data := sock.recv(READ_BYTES):
                if answers := decoder.feed(data):
                    return answers[0]
        except (OSError, FramingError):
            pass  # a sealer that is away is replaced; the entries wait in the database
        raise _away()


def serve(sock: socket.socket, keys_folder: Path) -> None:
    """Answer until the other end closes."""
    sealer = LocalSealer(keys_folder)
    decoder: Decoder[ToSealer] = Decoder(ToSealer)
    while data := sock.recv(READ_BYTES):
        for question in decoder.feed(data):
            sock.sendall(encode(_answer(sealer, question)))


def read_verifier(keys_folder: Path) -> Verifier:
    """The log's public key. ConfigError before the first start."""
    try:
        return Verifier.parse((keys_folder / PUBLIC_FILE).read_text("ascii"))
    except FileNotFoundError:
        raise ConfigError(
            N_("There is no audit log in this data folder yet: %(path)s is missing."),
            path=keys_folder / PUBLIC_FILE,
        ) from None


def read_head(path: Path) -> tuple[int, bytes]:
    """(size, root) of the last signed head in log.head; the empty tree before the first."""
    try:
        value = json.loads(path.read_bytes())
        return int(value["size"]), base64.b64decode(value["root"])
    except FileNotFoundError:
        return 0, EMPTY_ROOT
    except (ValueError, KeyError, TypeError):
        raise ConfigError(N_("%(path)s is damaged. Restore it from a backup."), path=path) from None


def _answer(sealer: LocalSealer, question: ToSealer) -> FromSealer:
    try:
        if isinstance(question, GetHead):
            return sealer.head()
        return Signed(sealer.sign(question.size, question.root, question.proof))
    except StorageFailed as error:
        return Refused(error.template)


def _origin(seed: bytes) -> str:
    """A name for this log that tells two installations apart."""
    return f"naesil.log/{hashlib.sha256(b'naesil/log-name' + seed).hexdigest()[:16]}"


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
