"""The requests of /v1/completions, /v1/embeddings, /tokenize, /detokenize and /apply-template."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from appliance.http.api import bodies
from appliance.http.api.bodies import Body, JsonObject, Text, TokenId
from appliance.http.api.chat_bodies import FunctionTool, InputMessage, StreamOptions
from appliance.http.api.sampled import Sampled
from appliance.protocol.messages import Sampling, Tools

MAX_TEXTS = 256
MAX_PROMPTS = 8
MAX_TOKENS = 100_000

Tokens = Annotated[list[TokenId], Field(min_length=1, max_length=MAX_TOKENS)]
Filled = Annotated[Text, Field(min_length=1)]


class CompletionRequest(Sampled):
    """POST /v1/completions: a prompt as it stands, no template around it."""

    model: Text
    prompt: (
        Filled
        | Tokens
        | Annotated[list[Filled], Field(min_length=1, max_length=MAX_PROMPTS)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_PROMPTS)]
    )
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    echo: bool | None = None
    max_tokens: bodies.Limit | None = None
    logprobs: int | None = Field(default=None, ge=0, le=5)
    best_of: Literal[1] | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "CompletionRequest":
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options needs stream: true")
        self.check_bias()
        if self.echo and self.logprobs is not None:
            raise ValueError("echo cannot be combined with logprobs: a prompt's tokens have no odds here")
        if len(self.prompts()) * (self.n or 1) > bodies.MAX_CHOICES:
            raise ValueError(f"prompts times n is at most {bodies.MAX_CHOICES}")
        return self

    def prompts(self) -> list[str | list[int]]:
        """Each prompt, as text or as tokens."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        if isinstance(given[0], int):
            return [[token for token in given if isinstance(token, int)]]
        return [one for one in given if not isinstance(one, int)]

    def sampling(self) -> Sampling:
        return Sampling(
            max_tokens=self.max_tokens or 16,
            logprobs=self.logprobs,
            **self.chosen(),
        )


class EmbeddingRequest(bodies.Lenient):
    """POST /v1/embeddings."""

    model: Text
    input: (
        Filled
        | Tokens
        | Annotated[list[Filled], Field(min_length=1, max_length=MAX_TEXTS)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MAX_TEXTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, lt=2**20)] | None = None

    def inputs(self) -> list[str | list[int]]:
        """Each text, as text or as tokens."""
        given = self.input
        if isinstance(given, str):
            return [given]
        if isinstance(given[0], int):
            return [[token for token in given if isinstance(token, int)]]
        return [one for one in given if not isinstance(one, int)]


class TokenizeRequest(Body):
    """POST /tokenize, as llama-server has it."""

    content: Text
    add_special: bool = False
    with_pieces: bool = False


class DetokenizeRequest(Body):
    """POST /detokenize."""

    tokens: Annotated[list[TokenId], Field(max_length=MAX_TOKENS)]


class ApplyTemplateRequest(Body):
    """POST /apply-template: what the model would read."""

    messages: list[InputMessage] = Field(min_length=1)
    tools: list[FunctionTool] | None = Field(default=None, max_length=bodies.MAX_TOOLS)
    chat_template_kwargs: JsonObject | None = None
    model: Text | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "ApplyTemplateRequest":
        self.offered()
        self.values()
        return self

    def offered(self) -> Tools:
        return bodies.offered([tool.function.tool() for tool in self.tools or ()], "auto", "", None)

    def values(self) -> str:
        return bodies.template_values(self.chat_template_kwargs, None)
