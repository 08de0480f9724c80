"""POST /v1/completions: the older endpoint, a prompt as it stands. `suffix` is refused by name."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from appliance.completions.values import Ask
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.api import answering, chat_objects, errors
from appliance.http.api.access import caller, request_id
from appliance.http.api.answering import Events
from appliance.http.api.chat_objects import Head
from appliance.http.api.documented import answers_with
from appliance.http.api.objects import FinishReason, TextChoice, TextCompletion, TextLogprobs, UsageBlock
from appliance.http.api.text_bodies import CompletionRequest
from appliance.http.services import Services
from appliance.http.sse import EventStream, comment, data
from appliance.protocol.messages import Chosen, Failed, Finished, Token, Turn


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/completions", response_model=None, responses=answers_with(TextCompletion, stream=TextCompletion)
    )
    async def completions(
        body: CompletionRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """Continue a text. With `stream`, as server-sent events ending in `[DONE]`."""
        answering.check_model(services, body.model)
        texts = [await text_of(services, prompt) for prompt in body.prompts()]
        count = body.n or 1
        asks = [_ask(body, text, principal, identifier) for text in texts]
        admitted = await answering.admit(
            services, [one for ask in asks for one in answering.choices(ask, count)]
        )
        echoes = [one.turns[0].content if body.echo else "" for one in admitted]
        streams = await answering.begin(services, admitted, whole=not body.stream)
        head = Head("cmpl", admitted[0], services.clock)
        if body.stream:
            usage = body.stream_options is not None and body.stream_options.include_usage
            return EventStream(_chunks(head, streams, echoes, count if usage else 0))
        answers = await answering.unless_left(request, answering.collect_all(streams))
        if answers is None:
            return Response(status_code=499)
        choices = [
            TextChoice(
                index=number,
                text=echo + said.text,
                finish_reason=_finish_reason(said.finished),
                logprobs=_logprobs(said.chosen) if body.logprobs is not None else None,
            )
            for number, (echo, said) in enumerate(zip(echoes, answers, strict=True))
        ]
        usage_block = chat_objects.usage([said.finished for said in answers], count)
        return JSONResponse(_completion(head, choices, usage_block).model_dump())

    return routes


async def text_of(services: Services, prompt: str | list[int]) -> str:
    """A prompt as text: the policy looks at texts, so tokens are turned into theirs first."""
    if isinstance(prompt, str):
        return prompt
    check_tokens(services, prompt)
    text = await services.inference.detokenize(tuple(prompt))
    if not text:
        raise InvalidInput(N_("These tokens stand for no text."))
    return text


def check_tokens(services: Services, tokens: Sequence[int]) -> None:
    """Raises InvalidInput for numbers that are no tokens of the model."""
    model = services.inference.model
    if model is not None and max(tokens, default=0) >= model.n_vocab:
        raise InvalidInput(N_("The model has only %(count)d tokens."), count=model.n_vocab)


def _ask(body: CompletionRequest, text: str, principal: Principal, identifier: str) -> Ask:
    ask = Ask(
        principal=principal,
        permission=Permission.API_USE,
        turns=(Turn("user", text),),
        sampling=body.sampling(),
        request_id=identifier,
        object="api:completions",
        subject_id=principal.user_id,
        cache_scope=f"{principal.user_id}/api",
        form="text",
    )
    return body.naesil.put_on(ask)


def _completion(head: Head, choices: list[TextChoice], usage: UsageBlock | None) -> TextCompletion:
    return TextCompletion(id=head.id, created=head.created, model=head.model, choices=choices, usage=usage)


async def _chunks(
    head: Head, streams: Sequence[Events], echoes: Sequence[str], usage_of: int
) -> AsyncIterator[bytes]:
    """`usage_of`: how many choices each prompt has, if usage was asked for; else 0."""
    ends: dict[int, Finished] = {}
    offsets = [len(echo) for echo in echoes]
    for number, echo in enumerate(echoes):
        if echo:
            yield _chunk(head, [TextChoice(index=number, text=echo, finish_reason=None)])
    async with aclosing(answering.merged(streams)) as events:
        try:
            async for number, event in events:
                if isinstance(event, Failed):
                    raise errors.from_runtime(event)
                if isinstance(event, Finished):
                    ends[number] = event
                    end = TextChoice(index=number, text="", finish_reason=_finish_reason(event))
                    yield _chunk(head, [end])
                elif isinstance(event, Token):
                    odds = _logprobs(event.chosen, offsets[number]) if event.chosen else None
                    offsets[number] += len(event.text)
                    piece = TextChoice(index=number, text=event.text, finish_reason=None, logprobs=odds)
                    yield _chunk(head, [piece])
                else:
                    yield comment(answering.waiting(event))
            if usage_of:
                in_order = [ends[number] for number in sorted(ends)]
                yield _chunk(head, [], chat_objects.usage(in_order, usage_of))
        except NaesilError as error:
            yield data(json.dumps(errors.status_and_body(error)[1], ensure_ascii=False))
    yield data("[DONE]")


def _chunk(head: Head, choices: list[TextChoice], usage: UsageBlock | None = None) -> bytes:
    content = _completion(head, choices, usage).model_dump(exclude={"usage"} if usage is None else None)
    return data(json.dumps(content, ensure_ascii=False))


def _finish_reason(finished: Finished) -> FinishReason:
    return chat_objects.finish_reason(finished)


def _logprobs(chosen: Sequence[Chosen], offset: int = 0) -> TextLogprobs:
    offsets = []
    for one in chosen:
        offsets.append(offset)
        offset += one.chars
    return TextLogprobs(
        tokens=[_piece(one.odds.piece) for one in chosen],
        token_logprobs=[one.odds.logprob for one in chosen],
        top_logprobs=[{_piece(other.piece): other.logprob for other in one.top} for one in chosen],
        text_offset=offsets,
    )


def _piece(piece: bytes) -> str:
    return piece.decode("utf-8", "replace")
