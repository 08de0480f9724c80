"""The requests of /v1/completions, /v1/embeddings, /tokenize, /detokenize and /apply-template."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from appliance.http.api import bodies
from appliance.http.api.bodies import Body, JsonObject, Penalty, Seed, Text, TokenId
from appliance.http.api.chat_bodies import FunctionTool, InputMessage, StreamOptions
from appliance.protocol.messages import Sampling, Tools

MAX_TEXTS = 256
MAX_PROMPTS = 8
MAX_TOKENS = 100_000

Tokens = Annotated[list[TokenId], Field(min_length=1, max_length=MAX_TOKENS)]
Filled = Annotated[Text, Field(min_length=1)]


class CompletionRequest(bodies.Lenient):
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
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, lt=2**31)
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: Seed | None = None
    stop: bodies.Stop | bodies.Stops | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repeat_penalty: float | None = Field(default=None, gt=0, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = Field(
        default=None, max_length=1024
    )
    logprobs: int | None = Field(default=None, ge=0, le=5)
    n: int | None = Field(default=None, ge=1, le=bodies.MAX_CHOICES)
    best_of: Literal[1] | None = None
    korean_only: bool = False

    @model_validator(mode="after")
    def fits_together(self) -> "CompletionRequest":
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options needs stream: true")
        if not all(key.isdecimal() and len(key) < 10 for key in self.logit_bias or ()):
            raise ValueError("logit_bias has token ids as keys")
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
        names = ("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty")
        given = {
            name: value for name in (*names, "repeat_penalty") if (value := getattr(self, name)) is not None
        }
        return Sampling(
            max_tokens=self.max_tokens or 16,
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()},
            logprobs=self.logprobs,
            korean_only=self.korean_only,
            **given,
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
