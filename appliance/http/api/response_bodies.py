"""POST /v1/responses: the request. Nothing is stored here, so nothing earlier can be referred to."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from appliance.http.api import bodies, formats
from appliance.http.api.bodies import Body, Effort, JsonObject, Text, ToolName
from appliance.protocol.messages import Call, Sampling, Tool, Tools, Turn


class InputText(Body):
    type: Literal["input_text", "text"]
    text: Text


class OutputText(Body):
    type: Literal["output_text"]
    text: Text
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class OutputRefusal(Body):
    type: Literal["refusal"]
    refusal: Text


Part = Annotated[InputText | OutputText | OutputRefusal, Field(discriminator="type")]


class MessageItem(Body):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part]
    id: Text | None = None
    status: Text | None = None
    phase: Text | None = None


class CallItem(Body):
    type: Literal["function_call"]
    call_id: Text
    name: ToolName
    arguments: Text
    id: Text | None = None
    status: Text | None = None


class CallOutputItem(Body):
    type: Literal["function_call_output"]
    call_id: Text
    output: Text | list[InputText]
    id: Text | None = None
    status: Text | None = None


class ReasoningText(Body):
    type: Literal["reasoning_text", "summary_text"]
    text: Text


class ReasoningItem(Body):
    type: Literal["reasoning"]
    id: Text | None = None
    summary: list[ReasoningText] = Field(default_factory=list)
    content: list[ReasoningText] | None = None
    encrypted_content: None = None
    status: Text | None = None


Item = MessageItem | CallItem | CallOutputItem | ReasoningItem


class FunctionTool(Body):
    type: Literal["function"]
    name: ToolName
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None

    def tool(self) -> Tool:
        return Tool(self.name, self.description or "", bodies.dumped(self.parameters), bool(self.strict))


class NamedTool(Body):
    type: Literal["function"]
    name: ToolName


class SchemaFormat(Body):
    type: Literal["json_schema"]
    name: Text = ""
    description: Text | None = None
    schema_: JsonObject = Field(alias="schema")
    strict: bool | None = None


class TextSettings(Body):
    format: (
        Annotated[formats.TextFormat | formats.JsonObjectFormat | SchemaFormat, Field(discriminator="type")]
        | None
    ) = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Reasoning(Body):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class ResponseRequest(bodies.Lenient):
    """POST /v1/responses."""

    model: Text
    input: Annotated[Text, Field(min_length=1)] | Annotated[list[Item], Field(min_length=1)]
    instructions: Text | None = None
    stream: bool | None = False
    max_output_tokens: bodies.Limit | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    tools: list[FunctionTool] | None = Field(default=None, max_length=bodies.MAX_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextSettings | None = None
    reasoning: Reasoning | None = None
    truncation: Literal["disabled"] | None = None
    include: Annotated[list[Text], Field(max_length=0)] | None = None
    background: Literal[False] | None = None
    previous_response_id: None = None
    conversation: None = None
    max_tool_calls: None = None
    top_logprobs: Literal[0] | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "ResponseRequest":
        if self.tool_choice not in (None, "none", "auto") and not self.tools:
            raise ValueError("tool_choice needs tools")
        self.offered()
        if not any(turn.content or turn.calls for turn in self.turns()):
            raise ValueError("input says nothing")
        return self

    @property
    def effort(self) -> Effort | None:
        return self.reasoning.effort if self.reasoning else None

    def turns(self) -> tuple[Turn, ...]:
        """The conversation; a model's calls and reasoning are part of the turn they belong to."""
        turns = [Turn("system", self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return (*turns, Turn("user", self.input))
        thought = ""
        for item in self.input:
            if isinstance(item, ReasoningItem):
                thought = "".join(part.text for part in item.content or item.summary)
            elif isinstance(item, CallItem):
                _add_call(turns, Call(item.call_id, item.name, item.arguments), thought)
                thought = ""
            elif isinstance(item, CallOutputItem):
                turns.append(Turn("tool", _text(item.output), call_id=item.call_id))
            else:
                role = "system" if item.role == "developer" else item.role
                turns.append(Turn(role, _text(item.content), reasoning=thought))
                thought = ""
        return tuple(turns)

    def offered(self) -> Tools:
        tools = [tool.tool() for tool in self.tools or ()]
        if isinstance(self.tool_choice, NamedTool):
            return bodies.offered(tools, "required", self.tool_choice.name, self.parallel_tool_calls)
        return bodies.offered(tools, self.tool_choice or "auto", "", self.parallel_tool_calls)

    def values(self) -> str:
        return bodies.template_values(None, self.effort)

    def sampling(self) -> Sampling:
        """Raises InvalidInput for a schema that cannot be enforced."""
        wanted = self.text.format if self.text else None
        if isinstance(wanted, SchemaFormat):
            grammar = formats.schema_grammar(wanted.schema_, "text.format.schema")
        else:
            grammar = formats.grammar_of(wanted)
        given = {
            name: value for name in ("temperature", "top_p") if (value := getattr(self, name)) is not None
        }
        return Sampling(
            max_tokens=self.max_output_tokens,
            grammar=grammar,
            reasoning_tokens=bodies.thinking_limit(None, self.effort),
            **given,
        )


def _add_call(turns: list[Turn], call: Call, thought: str) -> None:
    """A call belongs to the assistant's turn just before it, if there is one."""
    last = turns[-1] if turns and turns[-1].role == "assistant" else None
    if last is None:
        turns.append(Turn("assistant", "", (call,), reasoning=thought))
    else:
        turns[-1] = Turn("assistant", last.content, (*last.calls, call), reasoning=last.reasoning or thought)


def _text(content: str | list[Any]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.refusal if isinstance(part, OutputRefusal) else part.text for part in content)
