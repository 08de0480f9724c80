"""The web side of the socketpair: streams that stay apart, and a runtime that may vanish."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from appliance.inference.client import InferenceClient
from appliance.inference.streams import Again
from appliance.protocol.messages import (
    Failed,
    Finished,
    Generate,
    Sampling,
    StreamEvent,
    Token,
    Turn,
)
from tests.scripted_runtime import ScriptedRuntime


def request(name: str) -> Generate:
    return Generate(id=name, turns=(Turn("user", "안녕"),), sampling=Sampling(), fair_key="somebody")


async def collect(client: InferenceClient, name: str) -> list[StreamEvent | Again]:
    return [event async for event in client.generate(request(name))]


def together(scenario: Callable[[InferenceClient, ScriptedRuntime], Awaitable[None]]) -> None:
    async def run() -> None:
        client, runtime = InferenceClient(), ScriptedRuntime()
        await runtime.connect(client)
        try:
            await scenario(client, runtime)
        finally:
            await client.close()
            await runtime.close()

    asyncio.run(run())


def test_each_stream_gets_its_own_words_and_one_end() -> None:
    async def scenario(client: InferenceClient, _runtime: ScriptedRuntime) -> None:
        streams = await asyncio.gather(*(collect(client, str(number)) for number in range(8)))
        for number, events in enumerate(streams):
            assert {event.id for event in events} == {str(number)}
            assert "".join(event.text for event in events if isinstance(event, Token)) == "안녕하세요"
            assert isinstance(events[-1], Finished)

    together(scenario)


def test_a_runtime_that_dies_fails_every_stream_it_owed() -> None:
    async def scenario(client: InferenceClient, runtime: ScriptedRuntime) -> None:
        runtime.hold = True
        waiting = [asyncio.create_task(collect(client, str(number))) for number in range(3)]
        while len(runtime.asked) < 3:
            await asyncio.sleep(0)
        runtime.die()
        for events in await asyncio.gather(*waiting):
            assert isinstance(events[-1], Failed)
            assert events[-1].code == "lost"
        assert client.model is None

    together(scenario)


def test_leaving_early_cancels() -> None:
    async def scenario(client: InferenceClient, runtime: ScriptedRuntime) -> None:
        runtime.hold = True
        async with aclosing(client.generate(request("a"))) as events:
            await anext(events)
        while not runtime.cancelled:
            await asyncio.sleep(0)
        assert runtime.cancelled == ["a"]

    together(scenario)


def test_bytes_that_are_no_frames_count_as_a_dead_runtime() -> None:
    async def scenario(client: InferenceClient, runtime: ScriptedRuntime) -> None:
        runtime.hold = True
        waiting = asyncio.create_task(collect(client, "a"))
        while not (runtime.asked and client._streams["a"].spoke):
            await asyncio.sleep(0)
        assert runtime._writer is not None
        runtime._writer.write(b"\x00\x00\x00\x03abc")
        assert isinstance((await waiting)[-1], Failed)

    together(scenario)


def test_without_a_runtime_a_request_is_told_to_come_back() -> None:
    async def scenario() -> None:
        events = await collect(InferenceClient(), "a")
        assert [type(event) for event in events] == [Failed]

    asyncio.run(scenario())


def test_a_switch_lets_the_old_runtime_finish_and_asks_the_new_one() -> None:
    async def scenario(client: InferenceClient, old: ScriptedRuntime) -> None:
        old.hold = True
        begun = asyncio.create_task(collect(client, "begun"))
        while not old.asked:
            await asyncio.sleep(0)
        new = ScriptedRuntime()
        await new.switch(client)
        after = await collect(client, "after")
        assert isinstance(after[-1], Finished)
        assert [one.id for one in new.asked] == ["after"]
        assert not begun.done()
        old.finish()
        assert isinstance((await begun)[-1], Finished)
        assert await old.let_go()
        await new.close()

    together(scenario)


def test_a_leaving_runtime_that_dies_takes_nothing_of_the_new_one_with_it() -> None:
    async def scenario(client: InferenceClient, old: ScriptedRuntime) -> None:
        old.hold, old.words = True, ()
        begun = asyncio.create_task(collect(client, "begun"))
        while not old.asked:
            await asyncio.sleep(0)
        new = ScriptedRuntime()
        await new.switch(client)
        old.die()
        assert isinstance((await begun)[-1], Finished)  # it had said nothing: the new one answers it
        assert [one.id for one in new.asked] == ["begun"]
        assert client.model is not None
        await new.close()

    together(scenario)
