"""policies/dlp.yaml: what happens to personal data, secrets and the organisation's own words."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from appliance.core import DataClass
from appliance.policy.detectors.finding import CUSTOM, Kind
from appliance.policy.shape import Document, Reason, RuleId, Subjects

FILE_NAME = r"^[a-z0-9][a-z0-9-]{0,39}\.txt$"
CUSTOM_NAME = r"^[a-z][a-z0-9-]{0,39}$"
LONGEST_PATTERN = 500


class Direction(StrEnum):
    """Which way a text goes: to the model or from it."""

    PROMPT = "prompt"
    REPLY = "reply"


class Action(StrEnum):
    """What happens to a finding; the later in this list, the stronger."""

    ALLOW = "allow"
    WARN = "warn"
    MASK = "mask"
    ASK = "ask"
    BLOCK = "block"


def _known(name: str) -> str:
    kind, colon, own = name.partition(":")
    if (kind in CUSTOM and colon and own) or (not colon and kind in set(Kind)):
        return name
    expected = ", ".join(f"'{kind}'" for kind in Kind)
    raise PydanticCustomError("enum", "Input should be a detector: {expected}", {"expected": expected})


DetectorName = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema(
        {"anyOf": [{"enum": list(Kind)}, {"type": "string", "pattern": "^(term|pattern):[a-z][a-z0-9-]*$"}]}
    ),
]


class DlpRule(Subjects):
    """What happens to one sort of finding. Without roles and groups it is about everyone."""

    id: RuleId
    directions: tuple[Direction, ...] = Field(min_length=1)
    detectors: tuple[DetectorName, ...] = Field(min_length=1)
    at_least: Literal["LOW", "MEDIUM", "HIGH"] = "HIGH"
    classes: tuple[DataClass, ...] = Field(default=(), description="Only data of these classes: O, S, C.")
    action: Action
    restore: bool = Field(
        default=False, description="Whoever wrote a masked value sees it again in the reply."
    )
    final: bool = Field(default=False, description="A blocked text cannot be sent masked either.")
    reason: Reason


class TermList(Document):
    """The organisation's own words, found whatever their case or width: one per line in a file."""

    name: str = Field(pattern=CUSTOM_NAME, description="Rules name it term:NAME.")
    file: str = Field(pattern=FILE_NAME, description="A text file beside this one.")


class CustomPattern(Document):
    """A pattern in RE2's syntax, matched in linear time. Every repeat needs a largest count."""

    name: str = Field(pattern=CUSTOM_NAME, description="Rules name it pattern:NAME.")
    pattern: str = Field(min_length=1, max_length=LONGEST_PATTERN)
    level: Literal["LOW", "MEDIUM", "HIGH"] = "HIGH"


class Dlp(Document):
    """policies/dlp.yaml: personal data and secrets. The strongest matching action wins."""

    version: Literal[1]
    masks: Literal["pseudonym", "shape"] = Field(
        default="pseudonym",
        description="What the model reads in a prompt: <주민번호-1>, the same in all of a conversation, "
        "or 90****-*******. Replies are always masked by shape.",
    )
    terms: tuple[TermList, ...] = Field(default=(), max_length=50)
    patterns: tuple[CustomPattern, ...] = Field(default=(), max_length=200)
    rules: tuple[DlpRule, ...]
