"""The web process's end of one runtime's socketpair. Belongs to the event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.protocol.messages import FromRuntime

READ_BYTES = 64 * 1024

OnMessage = Callable[["Line", FromRuntime], None]
OnEnd = Callable[["Line"], None]


class Line:
    """Frames both ways. `on_end` is called once, when either side has let go."""

    def __init__(self, on_message: OnMessage, on_end: OnEnd) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[Any] | None = None

    async def open(self, sock: socket.socket) -> None:
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._reading = asyncio.create_task(self._read(reader), name="runtime frames")

    def send(self, message: msgspec.Struct) -> None:
        """Never waits; to an end that is gone nothing is sent."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    async def close(self) -> None:
        """Let go; the runtime ends when it sees the end of the file."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        self._end()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder: Decoder[FromRuntime] = Decoder(FromRuntime)
        try:
            while data := await reader.read(READ_BYTES):
                for message in decoder.feed(data):
                    self._on_message(self, message)
        except (FramingError, ConnectionError):
            pass  # a broken peer and a gone one end alike: the supervisor starts another
        self._end()

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._on_end(self)
