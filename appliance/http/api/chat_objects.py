"""Answers as chat.completion objects and chunks."""

import json
from collections.abc import Sequence

from appliance.clock import Clock
from appliance.completions.values import Admitted
from appliance.http.api.answering import Said
from appliance.http.api.objects import (
    CalledFunction,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionDetails,
    Delta,
    DeltaCall,
    DeltaFunction,
    FinishReason,
    OutputMessage,
    PromptDetails,
    PromptProgress,
    TokenLogprob,
    ToolCall,
    TopLogprob,
    UsageBlock,
)
from appliance.http.sse import data
from appliance.protocol.messages import Chosen, Finished, Odds, Progress, Token

_MARK = "\u2060"


class Head:
    """What every object of one request repeats: its id, its time, its model."""

    def __init__(self, prefix: str, admitted: Admitted, clock: Clock) -> None:
        self.id = f"{prefix}-{admitted.answer_id}"
        self.created = int(clock.now().timestamp())
        self.model = admitted.model.model_name
        self._around: dict[int, tuple[bytes, bytes]] = {}

    def chunk(self, choices: list[ChunkChoice], **more: UsageBlock | PromptProgress) -> bytes:
        """One chunk as an event. Fields of the delta that are not there are left out."""
        chunk = ChatCompletionChunk(id=self.id, created=self.created, model=self.model, choices=choices)
        content = chunk.model_dump(exclude={"usage", "prompt_progress"})
        for choice in content["choices"]:
            choice["delta"] = _without_nothing(choice["delta"])
        content |= {name: value.model_dump() for name, value in more.items()}
        return data(json.dumps(content, ensure_ascii=False))

    def text(self, number: int, text: str) -> bytes:
        """The chunk that most are: more text of answer `number`. Everything around it is made once."""
        if number not in self._around:
            chunk = self.chunk([ChunkChoice(index=number, delta=Delta(content=_MARK))])
            before, _, after = chunk.partition(json.dumps(_MARK, ensure_ascii=False).encode())
            self._around[number] = (before, after)
        before, after = self._around[number]
        return before + json.dumps(text, ensure_ascii=False).encode() + after


def whole(head: Head, answers: Sequence[Said]) -> ChatCompletion:
    """The answers in one piece."""
    choices = [
        Choice(
            index=number,
            message=OutputMessage(
                content=said.text if said.text or not said.calls else None,
                reasoning_content=said.reasoning or None,
                tool_calls=[
                    ToolCall(
                        id=call_id(said.finished.id, index),
                        function=CalledFunction(name=name, arguments=text),
                    )
                    for index, (name, text) in enumerate(said.calls)
                ]
                or None,
            ),
            finish_reason=finish_reason(said.finished),
            logprobs=logprobs(said.chosen),
        )
        for number, said in enumerate(answers)
    ]
    ends = [said.finished for said in answers]
    return ChatCompletion(
        id=head.id, created=head.created, model=head.model, choices=choices, usage=usage(ends, len(ends))
    )


def _calls(said: Said) -> list[ToolCall]:
    return [
        ToolCall(id=call_id(said.finished.id, index), function=CalledFunction(name=name, arguments=arguments))
        for index, (name, arguments) in enumerate(said.calls)
    ]


def delta(token: Token) -> Delta:
    """One piece of an answer."""
    if token.part == "reasoning":
        return Delta(reasoning_content=token.text)
    if token.part == "text":
        return Delta(content=token.text)
    if token.name:
        function = DeltaFunction(name=token.name, arguments=token.text)
        call = DeltaCall(
            index=token.index, id=call_id(token.id, token.index), type="function", function=function
        )
    else:
        call = DeltaCall(index=token.index, function=DeltaFunction(arguments=token.text))
    return Delta(tool_calls=[call])


def call_id(answer_id: str, index: int) -> str:
    """A tool call's id: the same in the stream and in the whole answer."""
    return f"call_{answer_id.replace('-', '')[-20:]}{index}"


def finish_reason(finished: Finished) -> FinishReason:
    if finished.reason == "filtered":
        return "content_filter"
    if finished.reason in ("stop", "tool_calls"):
        return "tool_calls" if finished.reason == "tool_calls" else "stop"
    return "length"


def usage(ends: Sequence[Finished], choices: int) -> UsageBlock:
    """What the answers cost together; a prompt counts once for all of its `choices`."""
    prompt = sum(end.prompt_tokens for end in ends[::choices])
    completion = sum(end.completion_tokens for end in ends)
    return UsageBlock(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptDetails(cached_tokens=sum(end.cached_tokens for end in ends[::choices])),
        completion_tokens_details=CompletionDetails(
            reasoning_tokens=sum(end.reasoning_tokens for end in ends)
        ),
    )


def progress(event: Progress, milliseconds: int) -> PromptProgress:
    return PromptProgress(total=event.total, cache=event.cached, processed=event.done, time_ms=milliseconds)


def logprobs(chosen: Sequence[Chosen]) -> ChoiceLogprobs | None:
    """The odds of each token; None when nobody asked."""
    if not chosen:
        return None
    content = [
        TokenLogprob(
            token=_piece(one.odds),
            logprob=one.odds.logprob,
            bytes=list(one.odds.piece),
            top_logprobs=[
                TopLogprob(token=_piece(other), logprob=other.logprob, bytes=list(other.piece))
                for other in one.top
            ],
        )
        for one in chosen
    ]
    return ChoiceLogprobs(content=content)


def _piece(odds: Odds) -> str:
    return odds.piece.decode("utf-8", "replace")


def _without_nothing(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value
