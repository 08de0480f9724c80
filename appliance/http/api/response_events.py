"""The streaming events of /v1/responses, and the whole answer made by the same steps.

response.created, response.in_progress; for each item response.output_item.added, its deltas and
dones, response.output_item.done; at the end response.completed, .incomplete or .failed. Each has
a sequence_number.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from appliance.errors import NaesilError
from appliance.http.api import answering, errors
from appliance.http.api.answering import Events
from appliance.http.api.response_objects import Frame, Output
from appliance.http.sse import comment, data
from appliance.protocol.messages import Failed, Finished, StreamEvent, Token

Told = list[tuple[str, dict[str, Any]]]


class Telling:
    """One answer's events. `part` is what the open item is: text, reasoning or a call's number."""

    def __init__(self, frame: Frame, answer_id: str) -> None:
        self._frame = frame
        self.output = Output(answer_id)
        self._item: dict[str, Any] | None = None
        self._part: tuple[str, int] | None = None
        self._text = ""

    def begin(self) -> Told:
        shown = self._frame.response(self.output)
        return [("response.created", {"response": shown}), ("response.in_progress", {"response": shown})]

    def token(self, token: Token) -> Told:
        """One more piece."""
        told: Told = []
        if self._part != (token.part, token.index) or token.name:
            told += [*self.close(), *self._open(token)]
        if token.text:
            self._text += token.text
            told.append((f"{self._kind()}.delta", {**self._place(), "delta": token.text}))
        return told

    def close(self, status: str = "completed") -> Told:
        """The open item is whole."""
        if self._item is None or self._part is None:
            return []
        item, text = self._item, self._text
        place, kind = self._place(), self._kind()
        told: Told = []
        if self._part[0] == "call":
            item["arguments"] = text
            told.append((f"{kind}.done", {**place, "arguments": text, "name": item["name"]}))
        else:
            item["content"][0]["text"] = text
            told.append((f"{kind}.done", {**place, "text": text}))
            told.append(("response.content_part.done", {**place, "part": item["content"][0]}))
        item["status"] = status
        told.append(("response.output_item.done", {"output_index": place["output_index"], "item": item}))
        self._item, self._part, self._text = None, None, ""
        return told

    def end(self, finished: Finished) -> Told:
        whole = finished.reason in ("stop", "tool_calls")
        told = self.close("completed" if whole else "incomplete")
        if not self.output.items:
            told += [*self.token(Token(finished.id, "")), *self.close()]
        kind = "response.completed" if whole else "response.incomplete"
        return [*told, (kind, {"response": self._frame.response(self.output, finished)})]

    def fail(self, error: NaesilError) -> Told:
        detail = errors.status_and_body(error)[1]["error"]
        shown = {"code": detail["code"] or detail["type"], "message": detail["message"]}
        response = self._frame.response(self.output, error=shown)
        return [*self.close("incomplete"), ("response.failed", {"response": response})]

    def _open(self, token: Token) -> Told:
        self._part = (token.part, token.index)
        if token.part == "call":
            self._item = self.output.call(token.name, token.index)
        else:
            self._item = self.output.message() if token.part == "text" else self.output.reasoning()
        number = len(self.output.items) - 1
        told: Told = [("response.output_item.added", {"output_index": number, "item": dict(self._item)})]
        if token.part != "call":
            part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
            if token.part == "reasoning":
                part = {"type": "reasoning_text", "text": ""}
            told.append(("response.content_part.added", {**self._place(), "part": dict(part)}))
            self._item["content"] = [part]
        return told

    def _kind(self) -> str:
        part = self._part[0] if self._part else ""
        return {
            "call": "response.function_call_arguments",
            "reasoning": "response.reasoning_text",
        }.get(part, "response.output_text")

    def _place(self) -> dict[str, Any]:
        place = {
            "item_id": self._item["id"] if self._item else "",
            "output_index": len(self.output.items) - 1,
        }
        if self._part is not None and self._part[0] != "call":
            place["content_index"] = 0
        if self._part is not None and self._part[0] == "text":
            place["logprobs"] = []
        return place


async def stream(events: Events, telling: Telling) -> AsyncGenerator[bytes, None]:
    """The answer as server-sent events."""
    number = 0
    async with aclosing(_told(events, telling)) as told:
        async for event in told:
            if isinstance(event, str):
                yield comment(event)
                continue
            name, content = event
            content = {"type": name, "sequence_number": number, **content}
            if name in ("response.content_part.added", "response.content_part.done"):
                content.pop("logprobs", None)
            yield data(json.dumps(content, ensure_ascii=False), name)
            number += 1


async def whole(events: Events, telling: Telling) -> dict[str, Any]:
    """The finished response object. Raises NaesilError."""
    response: dict[str, Any] = {}
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Failed):
                raise errors.from_runtime(event)
            for _, content in _step(telling, event):
                response = content.get("response", response)
    return response


def _step(telling: Telling, event: StreamEvent) -> Told:
    if isinstance(event, Token):
        return telling.token(event)
    return telling.end(event) if isinstance(event, Finished) else []


async def _told(events: Events, telling: Telling) -> AsyncGenerator[tuple[str, dict[str, Any]] | str, None]:
    for one in telling.begin():
        yield one
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Failed):
                for one in telling.fail(errors.from_runtime(event)):
                    yield one
            elif isinstance(event, (Token, Finished)):
                for one in _step(telling, event):
                    yield one
            else:
                yield answering.waiting(event)
