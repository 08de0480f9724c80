"""Server-sent events (WHATWG HTML, 9.2) that keep the connection alive and wait for nobody else.

Each reader has a generator of its own: a slow one holds up only itself, because what it
reads from merges what it missed.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.responses import StreamingResponse

HEARTBEAT_S = 15.0


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

    def __init__(self, events: AsyncIterator[bytes], heartbeat_s: float = HEARTBEAT_S) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(with_heartbeat(events, heartbeat_s), headers=headers)


async def with_heartbeat(events: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes, None]:
    """The events, and a comment after every `seconds` without one."""
    following = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=seconds)
            if not done:
                yield comment("still here")
                continue
            event = following.result()
            if event is None:
                return
            yield event
            following = asyncio.ensure_future(anext(events, None))
    finally:
        following.cancel()
        await asyncio.wait([following])
        if isinstance(events, AsyncGenerator):
            await events.aclose()
