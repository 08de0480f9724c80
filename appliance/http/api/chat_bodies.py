"""POST /v1/chat/completions: the request."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from appliance.http.api import bodies, formats
from appliance.http.api.bodies import Body, Effort, FunctionSpec, JsonObject, Text, ToolName
from appliance.http.api.sampled import Sampled
from appliance.protocol.messages import Call, Sampling, Tools, Turn


class TextPart(Body):
    type: Literal["text"]
    text: Text


class RefusalPart(Body):
    type: Literal["refusal"]
    refusal: Text


class CallFunction(Body):
    name: ToolName
    arguments: Text


class MessageCall(Body):
    id: Annotated[Text, Field(max_length=128)]
    type: Literal["function"] = "function"
    function: CallFunction
    index: int | None = None


Content = Text | list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]]


class InputMessage(Body):
    """One message of the request; parts other than text are refused."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    name: Text | None = None
    tool_calls: list[MessageCall] | None = Field(default=None, max_length=bodies.MAX_TOOLS)
    tool_call_id: Text | None = None
    reasoning_content: Text | None = None
    reasoning: Text | None = None
    refusal: Text | None = None
    audio: None = None
    function_call: None = None
    annotations: list[Any] | None = None

    @model_validator(mode="after")
    def says_something(self) -> "InputMessage":
        """Only an assistant's message may be without content, and only assistants call tools."""
        silent = self.content is None and self.refusal is None
        if silent and not (self.role == "assistant" and (self.tool_calls or self.reasoning_content)):
            raise ValueError("content is missing")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant's message has tool_calls")
        return self

    def turn(self) -> Turn:
        calls = [Call(call.id, call.function.name, call.function.arguments) for call in self.tool_calls or ()]
        return Turn(
            role="system" if self.role == "developer" else self.role,
            content=_text(self.content) or self.refusal or "",
            calls=tuple(calls),
            call_id=self.tool_call_id or "",
            name=self.name or "",
            reasoning=self.reasoning_content or self.reasoning or "",
        )


class StreamOptions(Body):
    include_usage: bool = False
    include_obfuscation: bool = False


class FunctionTool(Body):
    type: Literal["function"]
    function: FunctionSpec


class NamedFunction(Body):
    name: ToolName


class NamedChoice(Body):
    type: Literal["function"]
    function: NamedFunction


class ChatCompletionRequest(Sampled):
    """POST /v1/chat/completions."""

    model: Text
    messages: list[InputMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: bodies.Limit | None = None
    max_completion_tokens: bodies.Limit | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: formats.Format | None = None
    tools: list[FunctionTool] | None = Field(default=None, max_length=bodies.MAX_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    chat_template_kwargs: JsonObject | None = None
    modalities: list[Literal["text"]] | None = None
    return_progress: bool = False

    @model_validator(mode="after")
    def fits_together(self) -> "ChatCompletionRequest":
        """What is only wrong together with something else; each named by its field in the message."""
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options needs stream: true")
        if self.tool_choice not in (None, "none") and not self.tools:
            raise ValueError("tool_choice needs tools")
        self.check_bias()
        self.offered()
        bodies.thinking_limit(self.chat_template_kwargs, self.reasoning_effort)
        bodies.template_values(self.chat_template_kwargs, self.reasoning_effort)
        return self

    def turns(self) -> tuple[Turn, ...]:
        return tuple(message.turn() for message in self.messages)

    def offered(self) -> Tools:
        tools = [tool.function.tool() for tool in self.tools or ()]
        if isinstance(self.tool_choice, NamedChoice):
            only = self.tool_choice.function.name
            return bodies.offered(tools, "required", only, self.parallel_tool_calls)
        return bodies.offered(tools, self.tool_choice or "auto", "", self.parallel_tool_calls)

    def values(self) -> str:
        return bodies.template_values(self.chat_template_kwargs, self.reasoning_effort)

    def sampling(self) -> Sampling:
        """The values given, the product's defaults for the others. Raises InvalidInput for a schema."""
        return Sampling(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            grammar=formats.grammar_of(self.response_format),
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
            reasoning_tokens=bodies.thinking_limit(self.chat_template_kwargs, self.reasoning_effort),
            **self.chosen(),
        )


def _text(content: Content | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)
