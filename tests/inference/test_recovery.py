"""Answers and the deaths of the process that makes them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import pytest

from appliance.inference import recovery
from appliance.inference.client import InferenceClient
from appliance.inference.streams import Again, Stream
from appliance.protocol.messages import (
    Failed,
    Finished,
    Generate,
    Progress,
    Queued,
    Sampling,
    StreamEvent,
    Token,
    Turn,
)
from tests.scripted_runtime import ScriptedRuntime


def request(name: str, text: str = "안녕") -> Generate:
    return Generate(id=name, turns=(Turn("user", text),), sampling=Sampling(), fair_key="somebody")


async def collect(client: InferenceClient, asked: Generate) -> list[StreamEvent | Again]:
    return await _all(client.generate(asked))


async def _all(events: AsyncGenerator[StreamEvent | Again, None]) -> list[StreamEvent | Again]:
    return [event async for event in events]


class House:
    """A client and the runtimes it gets, one after another."""

    def __init__(self) -> None:
        self.client = InferenceClient()
        self.runtimes: list[ScriptedRuntime] = []

    async def next_runtime(self, *, silent: bool = False) -> ScriptedRuntime:
        runtime = ScriptedRuntime(words=() if silent else ("안녕", "하세요"))
        runtime.hold = silent
        self.runtimes.append(runtime)
        await runtime.connect(self.client)
        return runtime

    async def dies(self) -> None:
        self.runtimes[-1].die()
        await until(lambda: self.client.model is None)


def at_home(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        house = House()
        try:
            await scenario(house)
        finally:
            await house.client.close()
            for runtime in house.runtimes:
                await runtime.close()

    asyncio.run(run())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def asked(runtime: ScriptedRuntime) -> None:
    await until(lambda: runtime.asked)


def text(events: Sequence[StreamEvent | Again]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def test_who_waited_and_who_had_said_nothing_are_answered_by_the_next_process() -> None:
    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        answers = [asyncio.create_task(collect(house.client, request(name, name))) for name in "abc"]
        await until(lambda: len(first.asked) == 3)
        first.send(Progress("a", 1, 9))
        first.send(Queued("c", 1))
        await until(lambda: not house.client._streams["c"].begun)
        await house.dies()
        second = await house.next_runtime()
        for events in await asyncio.gather(*answers):
            assert isinstance(events[-1], Finished)
            assert text(events) == "안녕하세요"
        assert sorted(one.id for one in second.asked) == ["a", "b", "c"]

    at_home(scenario)


def test_who_had_spoken_ends_with_a_clear_word() -> None:
    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        answer = asyncio.create_task(collect(house.client, request("a")))
        await until(lambda: first.asked)
        first.send(Token("a", "반"))
        await until(lambda: house.client._streams["a"].spoke)
        await house.dies()
        assert await answer == [Token("a", "반"), Failed(id="a", code="lost", retry_after_s=5)]

    at_home(scenario)


def test_a_whole_answer_that_was_half_made_begins_anew_once() -> None:
    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        asking = (house.client.generate(request("a"), whole=True), house.client.generate(request("b", "나")))
        whole, streamed = (asyncio.create_task(_all(one)) for one in asking)
        await until(lambda: len(first.asked) == 2)
        for name in "ab":
            first.send(Token(name, "반"))
        await until(lambda: house.client._streams["b"].spoke)
        await house.dies()
        await house.next_runtime()
        events = await whole
        assert Again("a") in events
        assert text(events[events.index(Again("a")) :]) == "안녕하세요"
        assert isinstance(events[-1], Finished)
        assert (await streamed)[-1] == Failed(id="b", code="lost", retry_after_s=5)

    at_home(scenario)


def test_text_of_a_whole_answer_that_nobody_took_yet_is_dropped() -> None:
    stream = Stream(request("a"), whole=True)
    for event in (Progress("a", 1, 1), Token("a", "반"), Token("a", "쪽")):
        stream.put(event)
    stream.anew()
    stream.put(Finished(id="a", reason="stop"))

    async def taken() -> list[StreamEvent | Again]:
        return [(await stream.take())[0] for _ in range(3)]

    assert asyncio.run(taken()) == [Progress("a", 1, 1), Again("a"), Finished(id="a", reason="stop")]


def test_the_request_that_kills_twice_is_refused_and_its_neighbours_are_answered() -> None:
    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        poison = asyncio.create_task(collect(house.client, request("poison", "독")))
        others = [asyncio.create_task(collect(house.client, request(name, name))) for name in "abc"]
        await until(lambda: len(first.asked) == 4)
        await house.dies()
        second = await house.next_runtime(silent=True)
        await until(lambda: second.asked)
        assert [one.id for one in second.asked] == ["poison"]  # those under suspicion come one at a time
        await house.dies()
        assert (await poison)[-1] == Failed(id="poison", code="crashed")
        third = await house.next_runtime()
        assert {text(events) for events in await asyncio.gather(*others)} == {"안녕하세요"}
        assert await collect(house.client, request("again", "독")) == [Failed(id="again", code="crashed")]
        assert "again" not in [one.id for one in third.asked]
        assert text(await collect(house.client, request("fine", "약"))) == "안녕하세요"

    at_home(scenario)


def test_one_death_is_forgiven_to_who_is_answered_later() -> None:
    async def scenario(house: House) -> None:
        for number in range(4):
            runtime = await house.next_runtime(silent=True)
            answer = asyncio.create_task(collect(house.client, request(f"a{number}", "같은 말")))
            await asked(runtime)
            await house.dies()
            await house.next_runtime()
            assert isinstance((await answer)[-1], Finished)
            await house.dies()

    at_home(scenario)


def test_waiting_is_survived_a_few_times_and_not_for_ever() -> None:
    async def scenario(house: House) -> None:
        runtime = await house.next_runtime(silent=True)
        answer = asyncio.create_task(collect(house.client, request("a")))
        for _ in range(4):
            await asked(runtime)
            runtime.send(Queued("a", 1))
            await until(lambda: answer.done() or not house.client._streams["a"].begun)
            await house.dies()
            runtime = await house.next_runtime(silent=True)
        assert (await answer)[-1] == Failed(id="a", code="lost", retry_after_s=5)

    at_home(scenario)


def test_who_is_held_hears_of_it_and_may_leave() -> None:
    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        async with aclosing(house.client.generate(request("a"))) as events:
            reading = asyncio.ensure_future(anext(events))
            await until(lambda: first.asked)
            await house.dies()
            assert await reading == Queued("a", 1)
            assert await anext(events) == Queued("a", 1)  # a second later
        second = await house.next_runtime()
        assert text(await collect(house.client, request("b"))) == "안녕하세요"
        assert [one.id for one in second.asked] == ["b"]

    at_home(scenario)


def test_text_that_piled_up_is_one_event_and_all_its_frames_are_credited() -> None:
    async def scenario(house: House) -> None:
        runtime = await house.next_runtime(silent=True)
        async with aclosing(house.client.generate(request("a"))) as events:
            reading = asyncio.ensure_future(anext(events))
            await until(lambda: runtime.asked)
            runtime.send(Progress("a", 1, 1))
            await reading
            for _ in range(40):
                runtime.send(Token("a", "가"))
            runtime.send(Finished(id="a", reason="stop"))
            await until(lambda: len(house.client._streams["a"]._events) == 41)
            assert [event async for event in events] == [
                Token("a", "가" * 40),
                Finished(id="a", reason="stop"),
            ]

    at_home(scenario)


def test_who_asks_while_the_process_restarts_waits_and_is_told() -> None:
    async def scenario(house: House) -> None:
        await house.next_runtime(silent=True)
        await house.dies()
        answer = asyncio.create_task(collect(house.client, request("a")))
        await asyncio.sleep(0)
        assert not answer.done()
        await house.next_runtime()
        events = await answer
        assert events[0] == Queued("a", 1)
        assert isinstance(events[-1], Finished)

    at_home(scenario)


def test_patience_is_with_each_process_anew_however_long_somebody_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "TELL_S", 0.05)
    monkeypatch.setattr(recovery, "PATIENCE_S", 2.0)

    async def scenario(house: House) -> None:
        first = await house.next_runtime(silent=True)
        answers = [asyncio.create_task(collect(house.client, request(name, name))) for name in "ab"]
        await until(lambda: len(first.asked) == 2)
        await house.dies()
        second = await house.next_runtime(silent=True)
        await asked(second)  # "a" is tried, and "b" held for longer than anybody's patience
        await asyncio.sleep(2.1)
        await house.dies()
        await asyncio.sleep(0.2)
        await house.next_runtime()
        ends = [events[-1] for events in await asyncio.gather(*answers)]
        assert ends[0] == Failed(id="a", code="crashed")
        assert isinstance(ends[1], Finished)

    at_home(scenario)


def test_who_leaves_while_the_process_restarts_is_not_asked_for() -> None:
    async def scenario(house: House) -> None:
        await house.next_runtime(silent=True)
        await house.dies()
        async with aclosing(house.client.generate(request("a"))) as events:
            assert await anext(events) == Queued("a", 1)
        runtime = await house.next_runtime()
        assert isinstance((await collect(house.client, request("b")))[-1], Finished)
        assert [one.id for one in runtime.asked] == ["b"]

    at_home(scenario)


def test_only_so_many_wait_for_a_process_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MOST_HELD", 1)

    async def scenario(house: House) -> None:
        await house.next_runtime(silent=True)
        await house.dies()
        async with aclosing(house.client.generate(request("a"))) as events:
            await anext(events)
            assert await collect(house.client, request("b")) == [Failed(id="b", code="lost", retry_after_s=5)]

    at_home(scenario)
