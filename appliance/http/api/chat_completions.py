"""POST /v1/chat/completions, streamed and not."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from appliance.clock import Clock
from appliance.core import Principal
from appliance.errors import NaesilError
from appliance.http.api import answering, chat_objects, errors
from appliance.http.api.access import caller, request_id
from appliance.http.api.answering import Events
from appliance.http.api.chat_bodies import ChatCompletionRequest
from appliance.http.api.chat_objects import Head
from appliance.http.api.documented import answers_with
from appliance.http.api.objects import ChatCompletion, ChatCompletionChunk, ChunkChoice, Delta
from appliance.http.services import Services
from appliance.http.sse import EventStream, comment, data
from appliance.protocol.messages import Failed, Finished, Progress, Queued, Token

TOOLS_FIELD = "tools.%d.function.parameters"


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/chat/completions",
        response_model=None,
        responses=answers_with(ChatCompletion, stream=ChatCompletionChunk),
    )
    async def chat_completions(
        body: ChatCompletionRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """Answer a conversation. With `stream`, as server-sent events ending in `[DONE]`."""
        answering.check_model(services, body.model)
        ask = answering.ask_of(body, principal, identifier, "chat.completions", TOOLS_FIELD)
        admitted = await answering.admit(services, answering.choices(ask, body.n or 1))
        streams = await answering.begin(services, admitted, whole=not body.stream)
        head = Head("chatcmpl", admitted[0], services.clock)
        if body.stream:
            return EventStream(_Stream(head, body, services.clock).events(streams))
        answers = await answering.unless_left(request, answering.collect_all(streams))
        if answers is None:
            return Response(status_code=499)
        return JSONResponse(chat_objects.whole(head, answers).model_dump())

    return routes


class _Stream:
    """One request's chunks: role, pieces as they come, finish reasons, usage if asked, [DONE]."""

    def __init__(self, head: Head, body: ChatCompletionRequest, clock: Clock) -> None:
        self._head = head
        self._usage = body.stream_options is not None and body.stream_options.include_usage
        self._progress = body.return_progress
        self._clock = clock
        self._began = clock.monotonic()

    async def events(self, streams: Sequence[Events]) -> AsyncIterator[bytes]:
        for number in range(len(streams)):
            yield self._chunk(number, Delta(role="assistant", content=""))
        ends: dict[int, Finished] = {}
        async with aclosing(answering.merged(streams)) as events:
            try:
                async for number, event in events:
                    if isinstance(event, Failed):
                        raise errors.from_runtime(event)
                    if isinstance(event, Finished):
                        ends[number] = event
                        reason = chat_objects.finish_reason(event)
                        choice = ChunkChoice(index=number, delta=Delta(), finish_reason=reason)
                        yield self._head.chunk([choice])
                    elif isinstance(event, Token):
                        yield self._token(number, event)
                    else:
                        yield self._waiting(number, event)
                if self._usage:
                    yield self._head.chunk(
                        [], usage=chat_objects.usage([ends[one] for one in sorted(ends)], len(ends))
                    )
            except NaesilError as error:
                yield data(json.dumps(errors.status_and_body(error)[1], ensure_ascii=False))
        yield data("[DONE]")

    def _token(self, number: int, token: Token) -> bytes:
        if token.part == "text" and not token.chosen:
            return self._head.text(number, token.text)
        odds = chat_objects.logprobs(token.chosen)
        return self._head.chunk([ChunkChoice(index=number, delta=chat_objects.delta(token), logprobs=odds)])

    def _waiting(self, number: int, event: Queued | Progress) -> bytes:
        if isinstance(event, Queued):
            self._began = self._clock.monotonic()
        elif self._progress:
            spent = round(1000 * (self._clock.monotonic() - self._began))
            choice = ChunkChoice(index=number, delta=Delta())
            return self._head.chunk([choice], prompt_progress=chat_objects.progress(event, spent))
        return comment(answering.waiting(event))

    def _chunk(self, number: int, delta: Delta) -> bytes:
        return self._head.chunk([ChunkChoice(index=number, delta=delta)])
