"""The supervisor's own door, run/control.sock: the command line asks, the running product answers.

Only this user and root may knock: the socket is 0600 and the kernel names the peer
(SO_PEERCRED, unix(7)). Nothing secret goes over it and no process behind a jail can reach it.
"""

import os
import selectors
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from appliance.egress.profiles import CONTROL_SOCKET
from appliance.errors import N_, ConfigError, Unavailable
from appliance.protocol.control import Answer, Question, decode_question, encode_line
from appliance.protocol.framing import NONSENSE

MAX_LINE_BYTES = 65536
MAX_CALLERS = 16
BACKLOG = 128
UNMAPPED = 65534  # root, seen from a user namespace that knows nobody but us; the file mode let them in
ANSWER_BYTES = 4 * 1024 * 1024
_CREDENTIALS = struct.Struct("3i")


class Caller:
    """One connection. Owned by the supervisor's loop; whoever answers may do so later."""

    def __init__(self, sock: socket.socket, close: Callable[[], None]) -> None:
        self._sock = sock
        self._close = close
        self.buffer = b""

    def say(self, answer: Answer) -> None:
        """Send one answer; the connection ends with the last, or when its reader is gone or asleep."""
        try:
            self._sock.sendall(encode_line(answer))
        except OSError:
            self._close()
            return
        if answer.done:
            self._close()

    def refuse(self, template: str, **params: str) -> None:
        self.say(Answer(error=template, params=params))


Handler = Callable[[Question, Caller], None]


class Door:
    """Listens in the supervisor's selector. `handle` gets every well-formed question."""

    def __init__(self, run_folder: Path) -> None:
        self._path = run_folder / CONTROL_SOCKET
        self._callers: dict[socket.socket, Caller] = {}
        self._selector: selectors.BaseSelector = selectors.DefaultSelector()
        with suppress(FileNotFoundError):
            self._path.unlink()  # left by a server that was killed; ours is the only one, by the lock
        self._listener = socket.socket(socket.AF_UNIX)
        old = os.umask(0o177)
        try:
            with _short(self._path) as address:
                self._listener.bind(address)
        finally:
            os.umask(old)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)

    def open(self, selector: selectors.BaseSelector, handle: Handler) -> None:
        """Answer from now on, in this loop."""
        self._selector.close()
        self._selector, self._handle = selector, handle
        selector.register(self._listener, selectors.EVENT_READ, self._on_knock)

    def close(self) -> None:
        for sock in list(self._callers):
            self._end(sock)
        with suppress(KeyError):  # it was never opened
            self._selector.unregister(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _on_knock(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # gone before we came to the door
        if _peer(sock) not in (0, os.geteuid(), UNMAPPED) or len(self._callers) >= MAX_CALLERS:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ANSWER_BYTES)
        self._callers[sock] = Caller(sock, lambda: self._end(sock))
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._on_words(sock))

    def _on_words(self, sock: socket.socket) -> None:
        caller = self._callers[sock]
        try:
            data = sock.recv(MAX_LINE_BYTES)
        except OSError:
            data = b""
        caller.buffer += data
        if not data or len(caller.buffer) > MAX_LINE_BYTES:
            self._end(sock)
        elif b"\n" in caller.buffer:
            line, _, caller.buffer = caller.buffer.partition(b"\n")
            self._on_line(line, caller)

    def _on_line(self, line: bytes, caller: Caller) -> None:
        try:
            question = decode_question(line)
        except NONSENSE:
            caller.refuse(N_("The running product does not know this question. Is it an older version?"))
            return
        self._handle(question, caller)

    def _end(self, sock: socket.socket) -> None:
        if self._callers.pop(sock, None) is not None:
            self._selector.unregister(sock)
            sock.close()


def ask(run_folder: Path, question: Question, timeout_s: float) -> Iterator[Answer]:
    """Every answer of the running product, the last one `done`. For the command line.

    Raises Unavailable when no product runs over this data folder or it does not answer in
    time, ConfigError with the product's own words when it refuses.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout_s)
        try:
            with _short(run_folder / CONTROL_SOCKET) as address:
                sock.connect(address)
        except OSError:
            raise Unavailable(
                N_("Naesil is not running over %(data)s. Start it with 'appliance serve' and ask again."),
                data=run_folder.parent,
            ) from None
        try:
            sock.sendall(encode_line(question))
            with sock.makefile("rb") as lines:
                for line in lines:
                    answer = msgspec.json.decode(line, type=Answer)
                    if answer.error:
                        raise ConfigError(answer.error, **answer.params)
                    yield answer
                    if answer.done:
                        return
        except OSError:
            pass  # the same for the caller as a line that ended early
    raise Unavailable(N_("The running product did not answer. Look at its output and ask again."))


def _peer(sock: socket.socket) -> int:
    """The user id of the process at the other end, as the kernel knows it."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return int(user)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for this path that fits sockaddr_un's 108 bytes however deep the folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
