"""From an admitted ask to its answer, whole or as a stream, for every endpoint that generates.

`begin` admits and waits for the first word from the runtime, so that whatever can be refused is a
status and not an event; `collect` gives the whole answer; `merged` several answers at once.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import msgspec
from fastapi import Request

from appliance.completions.values import Admitted, Ask
from appliance.core import Permission, Principal
from appliance.errors import N_, NotFound
from appliance.http.api import errors, formats
from appliance.http.api.bodies import Extension
from appliance.http.services import Services
from appliance.protocol.messages import (
    Chosen,
    Failed,
    Finished,
    Progress,
    Queued,
    Sampling,
    StreamEvent,
    Token,
    Tools,
    Turn,
)

Result = TypeVar("Result")
Events = AsyncGenerator[StreamEvent, None]


@dataclass(slots=True)
class Said:
    """A whole answer. `calls`: name and JSON arguments of each tool call."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    chosen: tuple[Chosen, ...] = ()
    finished: Finished = field(default_factory=lambda: Finished(id="", reason="stop"))

    def add(self, token: Token) -> None:
        """One more piece of it."""
        if token.part == "call":
            if token.name:
                self.calls.append((token.name, ""))
            name, arguments = self.calls[-1]
            self.calls[-1] = (name, arguments + token.text)
        elif token.part == "reasoning":
            self.reasoning += token.text
        else:
            self.text += token.text
            self.chosen += token.chosen


class Conversing(Protocol):
    """A request that holds a conversation, whichever API it came by."""

    def turns(self) -> tuple[Turn, ...]: ...

    def offered(self) -> Tools: ...

    def values(self) -> str: ...

    def sampling(self) -> Sampling: ...

    @property
    def naesil(self) -> Extension: ...


def ask_of(body: Conversing, principal: Principal, request_id: str, endpoint: str, tools_field: str) -> Ask:
    """The ask behind a request. `tools_field`: where a tool's schema stands, %d its number.

    Raises InvalidInput for a schema that cannot be enforced.
    """
    tools = body.offered()
    formats.check_tools(tools, tools_field)
    ask = Ask(
        principal=principal,
        permission=Permission.API_USE,
        turns=body.turns(),
        sampling=body.sampling(),
        request_id=request_id,
        object=f"api:{endpoint}",
        subject_id=principal.user_id,
        cache_scope=f"{principal.user_id}/api",
        tools=tools,
        template_values=body.values(),
    )
    return body.naesil.put_on(ask)


def check_model(services: Services, name: str) -> None:
    """Raises NotFound for any name but that of the model, or of the one that is about to come back."""
    model = services.inference.model or services.inference.awaited
    if model is not None and name != model.model_name:
        raise NotFound(
            N_("There is no model '%(name)s' here. GET /v1/models lists them."), field="model", name=name
        )


async def admit(services: Services, asks: Sequence[Ask]) -> list[Admitted]:
    """Admit every ask, or none. Raises NaesilError."""
    admitted: list[Admitted] = []
    try:
        for ask in asks:
            admitted.append(await asyncio.to_thread(services.completions.admit, ask))
    except BaseException:
        for other in admitted:
            await asyncio.shield(asyncio.to_thread(services.completions.withdraw, other))
        raise
    return admitted


def choices(ask: Ask, count: int) -> list[Ask]:
    """One ask as several: where there is a seed, each has its own next to it."""
    seed = ask.sampling.seed
    if seed is None:
        return [ask] * count
    samplings = [msgspec.structs.replace(ask.sampling, seed=seed + number) for number in range(count)]
    return [replace(ask, sampling=sampling) for sampling in samplings]


async def begin(services: Services, admitted: Sequence[Admitted], *, whole: bool) -> list[Events]:
    """The answers' events, each begun. Raises NaesilError when one of them cannot be had at all.

    `whole`: the client gets them when they are done, not as they come.
    """
    begun: list[Events] = []
    for one in admitted:
        events = services.completions.stream(one, whole=whole)
        first = await anext(events)
        begun.append(_from(first, events))
        if isinstance(first, Failed):
            for other in begun:
                await other.aclose()
            for never in admitted[len(begun) :]:
                await asyncio.to_thread(services.completions.withdraw, never)
            raise errors.from_runtime(first)
    return begun


async def _from(first: StreamEvent, events: Events) -> Events:
    async with aclosing(events):
        yield first
        async for event in events:
            yield event


async def collect(events: Events) -> Said:
    """The whole answer. Raises NaesilError when the runtime gave up on it."""
    said = Said()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Token):
                said.add(event)
            elif isinstance(event, Failed):
                raise errors.from_runtime(event)
            elif isinstance(event, Finished):
                said.finished = event
                return said
    raise errors.from_runtime(Failed(id="", code="lost"))


async def collect_all(streams: Sequence[Events]) -> list[Said]:
    """All answers; when one fails the others are given up."""
    tasks = [asyncio.create_task(collect(events)) for events in streams]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def unless_left(request: Request, work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result, or None when the client has gone: then the work is cancelled."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait([working, leaving])


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def merged(streams: Sequence[Events]) -> AsyncGenerator[tuple[int, StreamEvent], None]:
    """The events of several answers as they come, each with its answer's number."""
    if len(streams) == 1:
        async with aclosing(streams[0]) as only:
            async for event in only:
                yield 0, event
        return
    queue: asyncio.Queue[tuple[int, StreamEvent | None]] = asyncio.Queue(maxsize=64)

    async def follow(number: int, events: Events) -> None:
        async with aclosing(events):
            async for event in events:
                await queue.put((number, event))
        await queue.put((number, None))

    tasks = [asyncio.create_task(follow(number, events)) for number, events in enumerate(streams)]
    try:
        left = len(tasks)
        while left:
            number, following = await queue.get()
            if following is None:
                left -= 1
            else:
                yield number, following
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def waiting(event: Queued | Progress) -> str:
    """What a comment in the stream says while nothing else does."""
    if isinstance(event, Queued):
        eta = "" if event.eta_s is None else f" eta={event.eta_s:.0f}"
        return f"queued position={event.position}{eta}"
    return f"prompt {100 * event.done // max(1, event.total)}%"
