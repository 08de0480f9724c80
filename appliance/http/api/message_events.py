"""Answers as Anthropic's message objects and the events that tell them.

message_start, ping; for each block content_block_start, content_block_delta, content_block_stop;
at the end message_delta with the stop reason and usage, message_stop; or error.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from appliance.completions.values import Admitted
from appliance.http.api import answering, errors
from appliance.http.api.answering import Events, Said
from appliance.http.api.chat_objects import call_id
from appliance.http.sse import comment, data
from appliance.protocol.messages import Failed, Finished, Progress, Token

Told = list[tuple[str, dict[str, Any]]]


class MessageUsage(BaseModel):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int = 0


class MessageObject(BaseModel):
    """A whole answer; `content` holds thinking, text and tool_use blocks."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[dict[str, JsonValue]]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"] | None
    stop_sequence: str | None
    usage: MessageUsage


class CountObject(BaseModel):
    input_tokens: int


def whole(admitted: Admitted, said: Said) -> dict[str, Any]:
    """The answer in one piece."""
    blocks: list[dict[str, Any]] = []
    if said.reasoning:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": ""})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for index, (name, arguments) in enumerate(said.calls):
        blocks.append(
            {"type": "tool_use", "id": _tool_id(admitted, index), "name": name, "input": _decoded(arguments)}
        )
    return _message(admitted, blocks, said.finished)


def _message(admitted: Admitted, blocks: list[dict[str, Any]], finished: Finished | None) -> dict[str, Any]:
    message = MessageObject(
        id=f"msg_{admitted.answer_id.replace('-', '')}",
        model=admitted.model.model_name,
        content=blocks,
        stop_reason=_stop_reason(finished) if finished else None,  # type: ignore[arg-type]  # one of the five
        stop_sequence=(finished.stop_string or None) if finished else None,
        usage=_usage(finished)
        if finished
        else MessageUsage(input_tokens=0, output_tokens=0, cache_read_input_tokens=0),
    )
    return message.model_dump()


class Telling:
    """One answer's events; `_part` is what the open block is."""

    def __init__(self, admitted: Admitted) -> None:
        self._admitted = admitted
        self._part: tuple[str, int] | None = None
        self._number = -1

    def begin(self, prompt_tokens: int) -> Told:
        message = _message(self._admitted, [], None)
        message["usage"]["input_tokens"] = prompt_tokens
        return [("message_start", {"message": message}), ("ping", {})]

    def token(self, token: Token) -> Told:
        told: Told = []
        if self._part != (token.part, token.index) or token.name:
            told += [*self._close(), *self._open(token)]
        if token.text:
            told.append(("content_block_delta", {"index": self._number, "delta": _delta(token)}))
        return told

    def end(self, finished: Finished) -> Told:
        reason = {"stop_reason": _stop_reason(finished), "stop_sequence": finished.stop_string or None}
        usage = _usage(finished).model_dump()
        return [
            *self._close(),
            ("message_delta", {"delta": reason, "usage": usage}),
            ("message_stop", {}),
        ]

    def _open(self, token: Token) -> Told:
        self._part = (token.part, token.index)
        self._number += 1
        block: dict[str, Any] = {"type": "text", "text": ""}
        if token.part == "reasoning":
            block = {"type": "thinking", "thinking": "", "signature": ""}
        elif token.part == "call":
            identifier = _tool_id(self._admitted, token.index)
            block = {"type": "tool_use", "id": identifier, "name": token.name, "input": {}}
        return [("content_block_start", {"index": self._number, "content_block": block})]

    def _close(self) -> Told:
        if self._part is None:
            return []
        self._part = None
        return [("content_block_stop", {"index": self._number})]


async def stream(events: Events, admitted: Admitted) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events."""
    telling = Telling(admitted)
    begun = False
    read = 0
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Failed):
                status, content = errors.status_and_body(errors.from_runtime(event))
                shaped = errors.shaped(content, status, "/v1/messages")
                yield data(json.dumps(shaped, ensure_ascii=False), "error")
                return
            if not isinstance(event, (Token, Finished)):
                read = event.total if isinstance(event, Progress) else read
                yield comment(answering.waiting(event))
                continue
            told = [] if begun else telling.begin(read)
            begun = True
            told += telling.token(event) if isinstance(event, Token) else telling.end(event)
            for name, content in told:
                yield data(json.dumps({"type": name, **content}, ensure_ascii=False), name)


def _delta(token: Token) -> dict[str, str]:
    if token.part == "reasoning":
        return {"type": "thinking_delta", "thinking": token.text}
    if token.part == "call":
        return {"type": "input_json_delta", "partial_json": token.text}
    return {"type": "text_delta", "text": token.text}


def _stop_reason(finished: Finished) -> str:
    if finished.stop_string:
        return "stop_sequence"
    ends = {"stop": "end_turn", "tool_calls": "tool_use", "filtered": "refusal"}
    return ends.get(finished.reason, "max_tokens")


def _usage(finished: Finished) -> MessageUsage:
    return MessageUsage(
        input_tokens=finished.prompt_tokens - finished.cached_tokens,
        output_tokens=finished.completion_tokens,
        cache_read_input_tokens=finished.cached_tokens,
    )


def _tool_id(admitted: Admitted, index: int) -> str:
    return call_id(admitted.answer_id, index).replace("call_", "toolu_")


def _decoded(arguments: str) -> Any:
    """A call cut off by the token limit has half a JSON object: what it said is then kept as text."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {"_unfinished": arguments}
