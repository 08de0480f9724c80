"""Server-sent events stay alive while nothing happens and let go when the reader leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from starlette.types import Message

from appliance.http.sse import EventStream, comment, data, with_heartbeat


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


def test_what_piles_up_is_sent_in_one_piece_and_a_slow_reader_stops_the_source() -> None:
    made: list[int] = []

    async def quick() -> AsyncIterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield bytes(1024)

    async def read() -> list[bytes]:
        events = with_heartbeat(quick(), 1)
        pieces = [await anext(events)]
        assert len(made) < 100
        return pieces + [event async for event in events]

    pieces = asyncio.run(read())
    assert sum(map(len, pieces)) == 1000 * 1024
    assert len(pieces) < 100


def test_what_goes_wrong_in_the_source_is_raised_after_what_came_before() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"before"
        raise ValueError("wrong")

    got: list[bytes] = []

    async def read() -> None:
        async for event in with_heartbeat(broken(), 1):
            got.append(event)

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(read())
    assert got == [b"before"]


def test_a_reader_who_takes_nothing_is_given_up_and_its_source_is_closed() -> None:
    closed: list[bool] = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.get_running_loop().create_future()

    asyncio.run(EventStream(source(), write_s=0.01).stream_response(stuck))
    assert closed == [True]
