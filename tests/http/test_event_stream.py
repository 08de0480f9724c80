"""Server-sent events stay alive while nothing happens and let go when the reader leaves."""

import asyncio
from collections.abc import AsyncIterator

from appliance.http.sse import comment, data, with_heartbeat


def test_events_are_framed_as_the_standard_says() -> None:
    assert data("a\nb", "tail") == b"event: tail\ndata: a\ndata: b\n\n"
    assert data("x") == b"data: x\n\n"
    assert comment("wait") == b": wait\n\n"


def test_a_silent_stretch_gets_heartbeats() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(0.05)
        yield b"last"

    async def collect() -> list[bytes]:
        return [event async for event in with_heartbeat(slow(), 0.01)]

    got = asyncio.run(collect())
    assert (got[0], got[-1]) == (b"first", b"last")
    assert got.count(comment("still here")) >= 1


def test_a_reader_that_leaves_ends_the_source() -> None:
    ended: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)
        finally:
            ended.append(True)

    async def read_two() -> None:
        events = with_heartbeat(endless(), 1)
        await anext(events)
        await anext(events)
        await events.aclose()

    asyncio.run(read_two())
    assert ended == [True]
