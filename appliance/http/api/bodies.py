"""What every request body of the API has in common.

A field is honoured, or it stands in IGNORED because OpenAI's own clients send it, or the request
is refused with 400 naming it. Nothing is half-honoured; types are not guessed at (strict).
"""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from appliance.completions.values import Ask
from appliance.core import DataClass
from appliance.protocol.messages import Tool, Tools

MAX_STOPS = 16
MAX_TOOLS = 128
MAX_CHOICES = 8
SEED_LIMIT = 2**63
IGNORED = frozenset(
    {
        *("metadata", "user", "store", "service_tier", "safety_identifier", "verbosity"),
        *("prompt_cache_key", "prompt_cache_retention", "cache_prompt"),
    }
)


def _is_text(text: str) -> str:
    """Half of a surrogate pair is JSON but no text: nothing could encode it."""
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("half of a surrogate pair is no text")
    return text


Text = Annotated[str, AfterValidator(_is_text)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Stop = Annotated[Text, Field(min_length=1, max_length=256)]
Stops = Annotated[list[Stop], Field(max_length=MAX_STOPS)]
Seed = Annotated[int, Field(ge=-SEED_LIMIT, lt=SEED_LIMIT)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Limit = Annotated[int, Field(ge=1, lt=2**31)]
ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.\-]{1,64}$")]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
JsonObject = dict[str, JsonValue]

# Most tokens a model may think before its answer; None: only the answer's own limit.
THINKING: dict[str, int | None] = {
    "none": 0, "minimal": 256, "low": 1024, "medium": 4096, "high": None, "xhigh": None
}  # fmt: skip


class Body(BaseModel):
    """The base of all parts of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Extension(Body):
    """What no other API has words for. `data_class`: at least this class of data (O, S, C).

    `if_held`: how to go on when a rule holds the prompt back, with what is found in it masked, or as
    it is for a `reason`, where the rule offers that.
    """

    data_class: Literal["O", "S", "C"] = "O"
    if_held: Literal["masked", "as_is"] | None = None
    reason: Annotated[Text, Field(max_length=300)] = ""

    @model_validator(mode="after")
    def fits_together(self) -> "Extension":
        if (self.if_held == "as_is") is not bool(self.reason.strip()):
            raise ValueError("if_held: as_is needs a reason, and nothing else has one")
        return self

    def put_on(self, ask: Ask) -> Ask:
        """The ask with these wishes."""
        target = replace(ask.target, data_class=DataClass(self.data_class))
        return replace(ask, target=target, choice=self.if_held or "", stated_reason=self.reason)


class Lenient(Body):
    """The base of whole requests: drops what clients send as a matter of course and means nothing here."""

    naesil: Extension = Extension()

    @model_validator(mode="before")
    @classmethod
    def drop_ignored(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if name not in IGNORED}
        return data


class FunctionSpec(Body):
    name: ToolName
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None

    def tool(self) -> Tool:
        return Tool(self.name, self.description or "", dumped(self.parameters), bool(self.strict))


def dumped(value: JsonObject | None) -> str:
    """A JSON object of the request as text, "" for none. ValueError when it holds what is no text."""
    return "" if not value else _is_text(json.dumps(value, ensure_ascii=False, allow_nan=False))


def offered(tools: list[Tool], choice: str, only: str, parallel: bool | None) -> Tools:
    """The tools of a request. A required call is a single one unless several were asked for."""
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise ValueError("two tools have the same name")
    if choice not in ("auto", "none", "required"):
        raise ValueError("unknown choice")
    if choice == "required" and (not tools or (only and only not in names)):
        raise ValueError("the tool that is required is not offered")
    return Tools(
        offered=tuple(tools),
        choice=choice,  # type: ignore[arg-type]  # checked above
        only=only,
        parallel=bool(parallel) if choice == "required" else parallel is not False,
    )


def template_values(given: JsonObject | None, effort: str | None) -> str:
    """What the chat template sees: the caller's own values, and the effort in its two usual forms."""
    values: dict[str, Any] = dict(given or {})
    values.pop("thinking_budget", None)
    if effort is not None:
        values.setdefault("reasoning_effort", effort)
        if effort == "none":
            values.setdefault("enable_thinking", False)
    return dumped(values)


def thinking_limit(given: JsonObject | None, effort: str | None) -> int | None:
    """Most tokens of reasoning, from `chat_template_kwargs.thinking_budget`, else from the effort."""
    budget = (given or {}).get("thinking_budget")
    if budget is not None:
        if not isinstance(budget, int) or isinstance(budget, bool) or not 0 <= budget < 2**31:
            raise ValueError("thinking_budget is a number of tokens")
        return budget
    if (given or {}).get("enable_thinking") is False:
        return 0
    return THINKING[effort] if effort else None
