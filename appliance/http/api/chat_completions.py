"""POST /v1/chat/completions, streamed and not."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from appliance.clock import Clock
from appliance.completions.values import Admitted, Ask
from appliance.core import Permission, Principal
from appliance.errors import N_, NaesilError, NotFound
from appliance.http.api import errors
from appliance.http.api.access import caller, request_id
from appliance.http.api.schemas import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Choice,
    ChunkChoice,
    CompletionDetails,
    Delta,
    FinishReason,
    OutputMessage,
    PromptDetails,
    UsageBlock,
)
from appliance.http.services import Services
from appliance.http.sse import EventStream, comment, data
from appliance.protocol.messages import Failed, Finished, Progress, Queued, StreamEvent, Token

SYSTEM = ("system", "developer")


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post("/chat/completions", response_model=None)
    async def chat_completions(
        body: ChatCompletionRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """Answer a conversation. With `stream`, as server-sent events ending in `[DONE]`."""
        _check_model(services, body.model)
        admitted = await asyncio.to_thread(services.completions.admit, _ask(body, principal, identifier))
        events = services.completions.stream(admitted)
        head = Head(admitted, services.clock)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            first = await anext(events)
            if isinstance(first, Failed):
                await events.aclose()
                raise errors.from_runtime(first)
            return EventStream(_chunks(first, events, head, usage=usage))
        return await _whole(request, events, head)

    return routes


class Head:
    """What every object of one answer repeats: its id, its time, its model."""

    def __init__(self, admitted: Admitted, clock: Clock) -> None:
        self.id = f"chatcmpl-{admitted.answer_id}"
        self.created = int(clock.now().timestamp())
        self.model = admitted.model.model_name

    def chunk(
        self, delta: Delta, finish: FinishReason | None = None, usage: UsageBlock | None = None
    ) -> bytes:
        choices = [ChunkChoice(delta=delta, finish_reason=finish)] if usage is None else []
        chunk = ChatCompletionChunk(
            id=self.id, created=self.created, model=self.model, choices=choices, usage=usage
        )
        content = chunk.model_dump(exclude={"usage"} if usage is None else None)
        for choice in content["choices"]:
            choice["delta"] = {name: value for name, value in choice["delta"].items() if value is not None}
        return data(json.dumps(content, ensure_ascii=False))


def _ask(body: ChatCompletionRequest, principal: Principal, identifier: str) -> Ask:
    turns = body.turns()
    own = f"{principal.user_id}/api"
    return Ask(
        principal=principal,
        permission=Permission.API_USE,
        turns=turns,
        sampling=body.sampling(),
        request_id=identifier,
        object="api:chat.completions",
        subject_id=principal.user_id,
        cache_scope=own,
        prefix_turns=next((at for at, turn in enumerate(turns) if turn.role not in SYSTEM), len(turns)),
        prefix_scope=own,
    )


def _check_model(services: Services, name: str) -> None:
    model = services.inference.model
    if model is not None and name != model.model_name:
        raise NotFound(
            N_("There is no model '%(name)s' here. GET /v1/models lists them."), field="model", name=name
        )


async def _whole(request: Request, events: AsyncGenerator[StreamEvent, None], head: Head) -> Response:
    """The answer in one piece; a client that disconnects cancels it."""
    collecting = asyncio.create_task(_collect(events))
    leaving = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait([collecting, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            return Response(status_code=499)
        text, finished = collecting.result()
    finally:
        leaving.cancel()
        collecting.cancel()
        await asyncio.wait([collecting, leaving])
    completion = ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[Choice(message=OutputMessage(content=text), finish_reason=_finish_reason(finished))],
        usage=_usage(finished),
    )
    return JSONResponse(completion.model_dump())


async def _collect(events: AsyncGenerator[StreamEvent, None]) -> tuple[str, Finished]:
    text: list[str] = []
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Token):
                text.append(event.text)
            elif isinstance(event, Failed):
                raise errors.from_runtime(event)
            elif isinstance(event, Finished):
                return "".join(text), event
    raise errors.from_runtime(Failed(id="", code="lost"))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _chunks(
    first: StreamEvent, events: AsyncGenerator[StreamEvent, None], head: Head, *, usage: bool
) -> AsyncIterator[bytes]:
    """The answer as chunks: role, text as it comes, finish reason, usage if asked, [DONE]."""
    yield head.chunk(Delta(role="assistant", content=""))
    async with aclosing(events):
        try:
            async for event in _from(first, events):
                if isinstance(event, Token):
                    yield head.chunk(Delta(content=event.text))
                elif isinstance(event, Finished):
                    yield head.chunk(Delta(), finish=_finish_reason(event))
                    if usage:
                        yield head.chunk(Delta(), usage=_usage(event))
                elif isinstance(event, Failed):
                    raise errors.from_runtime(event)
                else:
                    yield comment(_waiting(event))
        except NaesilError as error:
            yield data(json.dumps(errors.status_and_body(error)[1], ensure_ascii=False))
    yield data("[DONE]")


async def _from(first: StreamEvent, events: AsyncGenerator[StreamEvent, None]) -> AsyncIterator[StreamEvent]:
    yield first
    async for event in events:
        yield event


def _waiting(event: Queued | Progress) -> str:
    if isinstance(event, Queued):
        eta = "" if event.eta_s is None else f" eta={event.eta_s:.0f}"
        return f"queued position={event.position}{eta}"
    return f"prompt {100 * event.done // max(1, event.total)}%"


def _finish_reason(finished: Finished) -> FinishReason:
    if finished.reason == "filtered":
        return "content_filter"
    return "stop" if finished.reason == "stop" else "length"


def _usage(finished: Finished) -> UsageBlock:
    return UsageBlock(
        prompt_tokens=finished.prompt_tokens,
        completion_tokens=finished.completion_tokens,
        total_tokens=finished.prompt_tokens + finished.completion_tokens,
        prompt_tokens_details=PromptDetails(cached_tokens=finished.cached_tokens),
        completion_tokens_details=CompletionDetails(),
    )
