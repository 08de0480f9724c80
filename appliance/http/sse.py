"""Server-sent events (WHATWG HTML, 9.2) that keep the connection alive and wait for nobody else.

Each reader has a generator of its own: a slow one holds up only itself, because what it
reads from merges what it missed.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

HEARTBEAT_S = 15.0
MOST_AHEAD_BYTES = 64 * 1024
WRITE_S = 120.0  # a reader who takes nothing for so long has left


def data(text: str, event: str = "") -> bytes:
    """One event; `text` may have several lines."""
    name = f"event: {event}\n" if event else ""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"{name}{lines}\n".encode()


def comment(text: str) -> bytes:
    """A line that readers skip: keeps proxies and clients from giving up."""
    return f": {text}\n\n".encode()


class EventStream(StreamingResponse):
    """The response around an iterator of encoded events; silent stretches get heartbeats."""

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncIterator[bytes], heartbeat_s: float = HEARTBEAT_S, write_s: float = WRITE_S
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(with_heartbeat(events, heartbeat_s), headers=headers)
        self._write_s = write_s

    async def stream_response(self, send: Send) -> None:
        """Send everything, or give up on a reader who takes nothing any more."""
        try:
            await super().stream_response(bounded(send, self._write_s))
        except ReaderStuck:
            pass  # the server closes what was left open
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()  # now, not when it is collected: it holds an answer


class ReaderStuck(Exception):
    """The reader takes nothing."""


def bounded(send: Send, seconds: float) -> Send:
    """`send`, raising ReaderStuck when one message takes longer than `seconds`."""

    async def send_in_time(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError:
            raise ReaderStuck from None

    return send_in_time


async def with_heartbeat(events: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes, None]:
    """The events, and a comment after every `seconds` without one. What piles up comes in one piece."""
    line = _Line()
    pumping = asyncio.create_task(line.pump(events))
    try:
        while (piece := await line.take(seconds)) is not None:
            yield piece or comment("still here")
        await pumping  # raises what the source raised
    finally:
        pumping.cancel()
        await asyncio.wait([pumping])


class _Line:
    """Between the task that makes events and the one that sends them: no task and no timer an event."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._ended = False
        self._wake: asyncio.Future[None] | None = None  # of whichever side waits; they never both do

    async def pump(self, events: AsyncIterator[bytes]) -> None:
        """Put every event in, waiting while the reader is far behind."""
        try:
            async for event in events:
                self._pieces.append(event)
                self._bytes += len(event)
                self._rouse()
                if self._bytes > MOST_AHEAD_BYTES:
                    await self._sleep(None)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
            self._ended = True
            self._rouse()

    async def take(self, seconds: float) -> bytes | None:
        """What is there; empty when nothing came for so long; None at the end."""
        if not self._pieces and not self._ended:
            await self._sleep(seconds)
        if not self._pieces:
            return None if self._ended else b""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        self._rouse()
        return piece

    async def _sleep(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._rouse)
        try:
            await self._wake
        finally:
            if timer is not None:
                timer.cancel()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
