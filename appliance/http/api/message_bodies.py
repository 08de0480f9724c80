"""POST /v1/messages and /v1/messages/count_tokens: the requests of Anthropic's API."""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from appliance.http.api import bodies, formats
from appliance.http.api.bodies import Body, JsonObject, Text, ToolName
from appliance.protocol.messages import Call, Sampling, Tool, Tools, Turn

MAX_STOPS = 16


class CacheControl(Body):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(Body):
    type: Literal["text"]
    text: Text
    cache_control: CacheControl | None = None
    citations: list[Any] | None = None


class ToolUseBlock(Body):
    type: Literal["tool_use"]
    id: Text
    name: ToolName
    input: JsonObject
    cache_control: CacheControl | None = None


class ToolResultBlock(Body):
    type: Literal["tool_result"]
    tool_use_id: Text
    content: Text | list[TextBlock] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Body):
    type: Literal["thinking"]
    thinking: Text
    signature: Text | None = None


Block = Annotated[TextBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock, Field(discriminator="type")]


class Message(Body):
    role: Literal["user", "assistant"]
    content: Text | list[Block]

    def turns(self) -> list[Turn]:
        """A message's tool results come first, as turns of their own."""
        if isinstance(self.content, str):
            return [Turn(self.role, self.content)]
        blocks = self.content
        results = [
            Turn("tool", _text(block.content), call_id=block.tool_use_id)
            for block in blocks
            if isinstance(block, ToolResultBlock)
        ]
        text = "".join(block.text for block in blocks if isinstance(block, TextBlock))
        thought = "".join(block.thinking for block in blocks if isinstance(block, ThinkingBlock))
        calls = tuple(
            Call(block.id, block.name, bodies.dumped(block.input) or "{}")
            for block in blocks
            if isinstance(block, ToolUseBlock)
        )
        spoken = [Turn(self.role, text, calls, reasoning=thought)] if text or calls or not results else []
        return [*results, *spoken]


class MessageTool(Body):
    name: ToolName
    description: Text | None = None
    input_schema: JsonObject
    type: Literal["custom"] | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None

    def tool(self) -> Tool:
        return Tool(self.name, self.description or "", bodies.dumped(self.input_schema), bool(self.strict))


class ToolChoice(Body):
    type: Literal["auto", "any", "tool", "none"]
    name: ToolName | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Body):
    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: bodies.Limit | None = None
    display: Text | None = None


class OutputFormat(Body):
    type: Literal["json_schema"]
    schema_: JsonObject = Field(alias="schema")


class OutputConfig(Body):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class CountRequest(bodies.Lenient):
    """POST /v1/messages/count_tokens: what would be read, without being answered."""

    model: Text
    messages: list[Message] = Field(min_length=1)
    system: Text | list[TextBlock] | None = None
    tools: list[MessageTool] | None = Field(default=None, max_length=bodies.MAX_TOOLS)
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "CountRequest":
        if self.messages[-1].role == "assistant":
            raise ValueError("the last message must be the user's: an answer cannot be begun for the model")
        if not any(turn.content or turn.calls for turn in self.turns()):
            raise ValueError("messages say nothing")
        self.offered()
        return self

    def turns(self) -> tuple[Turn, ...]:
        system = [Turn("system", _text(self.system))] if self.system else []
        return (*system, *(turn for message in self.messages for turn in message.turns()))

    def offered(self) -> Tools:
        choice = self.tool_choice or ToolChoice(type="auto")
        tools = [tool.tool() for tool in self.tools or ()]
        kind = "required" if choice.type in ("any", "tool") else choice.type
        if choice.type == "tool" and choice.name is None:
            raise ValueError("tool_choice of type tool needs a name")
        several = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
        return bodies.offered(tools, kind, choice.name or "", several)

    def values(self) -> str:
        if self.thinking is None or self.thinking.type == "adaptive":
            return ""
        return json.dumps({"enable_thinking": self.thinking.type == "enabled"})


class MessageRequest(CountRequest):
    """POST /v1/messages."""

    max_tokens: bodies.Limit
    stream: bool | None = False
    stop_sequences: Annotated[list[bodies.Stop], Field(max_length=MAX_STOPS)] | None = None
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, lt=2**31)

    def sampling(self) -> Sampling:
        """Raises InvalidInput for a schema that cannot be enforced."""
        names = ("temperature", "top_p", "top_k")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        form = self.output_config.format if self.output_config else None
        return Sampling(
            max_tokens=self.max_tokens,
            grammar=formats.schema_grammar(form.schema_, "output_config.format.schema") if form else "",
            stop=tuple(self.stop_sequences or ()),
            reasoning_tokens=self._budget(),
            **given,
        )

    def _budget(self) -> int | None:
        if self.thinking is None or (self.thinking.type != "disabled" and not self.thinking.budget_tokens):
            effort = self.output_config.effort if self.output_config else None
            return bodies.THINKING.get(effort) if effort else None
        return 0 if self.thinking.type == "disabled" else self.thinking.budget_tokens


def _text(content: str | list[TextBlock] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(block.text for block in content)
