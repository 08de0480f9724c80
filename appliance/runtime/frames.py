"""The socket's two threads: one reads frames into an inbox, one writes frames out.

Neither touches the model. Frames out wait in memory only while the peer is slow; text is
bounded by its readers' credit (outbox.py), and news about waiting and progress is left out
while too much waits.
"""

import socket
import threading
from queue import SimpleQueue

from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.protocol.messages import FromRuntime, Progress, Queued, ToRuntime

READ_BYTES = 256 * 1024
MOST_WAITING_BYTES = 4 * 1024 * 1024

Inbox = SimpleQueue[ToRuntime | None]


def read_frames(sock: socket.socket, inbox: Inbox) -> None:
    """Put every message into `inbox` until the peer ends or breaks the stream; then None."""
    decoder: Decoder[ToRuntime] = Decoder(ToRuntime)
    try:
        while data := sock.recv(READ_BYTES):
            for message in decoder.feed(data):
                inbox.put(message)
    except (FramingError, OSError):
        pass  # a peer that breaks the protocol is as good as gone
    inbox.put(None)


class FrameWriter:
    """`send` and `flush` from the engine's thread, `run` in a thread of its own.

    A flush writes from where it is called, without waiting: the web process has a step's frames
    at once, in one piece. Only what the socket does not take is left to the other thread.
    The condition guards `_left` (bytes for it), `_writing` (it is at it) and `_closed`; `_fresh`
    is the engine's own.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._fresh: list[bytes] = []
        self._ready = threading.Condition()
        self._left = bytearray()
        self._writing = False
        self._closed = False

    def send(self, message: FromRuntime) -> None:
        """Take one frame; it goes out with the next flush."""
        if len(self._left) > MOST_WAITING_BYTES and isinstance(message, (Queued, Progress)):
            return
        self._fresh.append(encode(message))

    def flush(self) -> None:
        """Write what was sent; never blocks."""
        if not self._fresh:
            return
        data = b"".join(self._fresh)
        self._fresh.clear()
        with self._ready:
            if not self._left and not self._writing:
                data = data[self._write_some(data) :]
            if data:
                self._left += data
                self._ready.notify()

    def close(self) -> None:
        """Let `run` end once everything is written."""
        self.flush()
        with self._ready:
            self._closed = True
            self._ready.notify()

    def run(self) -> None:
        """Write what was left over, until closed or the peer is gone."""
        while True:
            with self._ready:
                self._writing = False
                self._ready.wait_for(lambda: self._left or self._closed)
                data = bytes(self._left)
                self._left.clear()
                self._writing = True
            if not data:
                return
            try:
                self._sock.sendall(data)
            except OSError:
                return  # the reading side sees the end as well and stops the process

    def _write_some(self, data: bytes) -> int:
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # nobody reads any more: the other thread sees it as well
