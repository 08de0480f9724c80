"""Answers as response objects, and the events that tell them as they come."""

from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from appliance.clock import Clock
from appliance.completions.values import Admitted
from appliance.http.api.chat_objects import call_id
from appliance.http.api.response_bodies import ResponseRequest
from appliance.protocol.messages import Finished

Item = dict[str, JsonValue]


class InputDetails(BaseModel):
    cached_tokens: int


class OutputDetails(BaseModel):
    reasoning_tokens: int


class ResponseUsage(BaseModel):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Response(BaseModel):
    """The response object; `output` holds reasoning, message and function_call items."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    error: dict[str, JsonValue] | None = None
    incomplete_details: dict[str, JsonValue] | None = None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, JsonValue] = {}
    model: str
    output: list[dict[str, JsonValue]]
    parallel_tool_calls: bool
    previous_response_id: str | None = None
    reasoning: dict[str, JsonValue]
    store: bool = False
    temperature: float | None
    text: dict[str, JsonValue]
    tool_choice: str | dict[str, JsonValue]
    tools: list[dict[str, JsonValue]]
    top_p: float | None
    truncation: Literal["disabled"] = "disabled"
    usage: ResponseUsage | None = None


class Output:
    """The items of one answer while they grow. `open` is the number of the one that grows, else -1."""

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self.items: list[dict[str, Any]] = []

    def message(self) -> dict[str, Any]:
        return self._add({"type": "message", "role": "assistant", "content": []}, "msg")

    def reasoning(self) -> dict[str, Any]:
        return self._add({"type": "reasoning", "summary": [], "content": []}, "rs")

    def call(self, name: str, index: int) -> dict[str, Any]:
        named = {"call_id": call_id(self._answer_id, index), "name": name, "arguments": ""}
        return self._add({"type": "function_call", **named}, "fc")

    def _add(self, item: dict[str, Any], prefix: str) -> dict[str, Any]:
        identifier = f"{prefix}_{self._answer_id.replace('-', '')}{len(self.items)}"
        self.items.append({"id": identifier, "status": "in_progress", **item})
        return self.items[-1]


class Frame:
    """What every object of one request repeats."""

    def __init__(self, body: ResponseRequest, admitted: Admitted, clock: Clock) -> None:
        self._body = body
        self.id = f"resp_{admitted.answer_id.replace('-', '')}"
        self.created = int(clock.now().timestamp())
        self.model = admitted.model.model_name

    def response(
        self, output: Output, finished: Finished | None = None, error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The response as it is now."""
        status, why = _status(finished, error)
        body = self._body
        choice = body.tool_choice if isinstance(body.tool_choice, str) else None
        named = body.tool_choice.model_dump() if body.tool_choice is not None and choice is None else None  # type: ignore[union-attr]  # a string is taken above
        shown = Response(
            id=self.id,
            created_at=self.created,
            status=status,
            error=error,
            incomplete_details={"reason": why} if why else None,
            instructions=body.instructions,
            max_output_tokens=body.max_output_tokens,
            model=self.model,
            output=output.items,
            parallel_tool_calls=body.parallel_tool_calls is not False,
            reasoning={"effort": body.effort, "summary": None},
            temperature=body.temperature,
            text={"format": _format(body)},
            tool_choice=choice or named or "auto",
            tools=[tool.model_dump() for tool in body.tools or ()],
            top_p=body.top_p,
            usage=usage(finished) if finished else None,
        )
        return shown.model_dump()


def usage(finished: Finished) -> ResponseUsage:
    return ResponseUsage(
        input_tokens=finished.prompt_tokens,
        input_tokens_details=InputDetails(cached_tokens=finished.cached_tokens),
        output_tokens=finished.completion_tokens,
        output_tokens_details=OutputDetails(reasoning_tokens=finished.reasoning_tokens),
        total_tokens=finished.prompt_tokens + finished.completion_tokens,
    )


def _status(
    finished: Finished | None, error: dict[str, Any] | None
) -> tuple[Literal["in_progress", "completed", "incomplete", "failed"], str]:
    if error is not None:
        return "failed", ""
    if finished is None:
        return "in_progress", ""
    if finished.reason in ("stop", "tool_calls"):
        return "completed", ""
    return "incomplete", "content_filter" if finished.reason == "filtered" else "max_output_tokens"


def _format(body: ResponseRequest) -> dict[str, Any]:
    if body.text is None or body.text.format is None:
        return {"type": "text"}
    return body.text.format.model_dump(by_alias=True)
