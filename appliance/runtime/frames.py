"""The socket's two threads: one reads frames into an inbox, one writes frames out.

Neither touches the model. Frames out wait in memory only while the peer is slow; text is
bounded by its readers' credit (outbox.py), and news about waiting and progress is left out
while too much waits.
"""

import socket
import threading
from collections import deque
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
    """`send` from the engine's thread, `run` in a thread of its own. The condition guards the deque."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ready = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._closed = False

    def send(self, message: FromRuntime) -> None:
        """Hand over one frame; never blocks."""
        frame = encode(message)
        with self._ready:
            if self._bytes > MOST_WAITING_BYTES and isinstance(message, (Queued, Progress)):
                return
            self._frames.append(frame)
            self._bytes += len(frame)
            self._ready.notify()

    def close(self) -> None:
        """Let `run` end once everything handed over is written."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def run(self) -> None:
        """Write until closed, or until the peer is gone."""
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._frames or self._closed)
                data = b"".join(self._frames)
                self._frames.clear()
                self._bytes = 0
            if not data:
                return
            try:
                self._sock.sendall(data)
            except OSError:
                return  # the reading side sees the end as well and stops the process
