"""policies/limits.yaml: how much one person may ask for, and their share of the model."""

from typing import Literal

from pydantic import Field, model_validator

from appliance.errors import N_
from appliance.policy.shape import Document, Subjects

_TOKENS = "prompt and answer together; none: no limit."


class Limit(Document):
    """How much one person may ask for at a time."""

    running: int = Field(ge=1, le=1024, description="Answers made at the same time.")
    waiting: int = Field(ge=0, le=65536, description="Questions that may wait beyond those.")
    weight: float = Field(gt=0, le=100, description="Share of the model beside people of weight 1.")
    max_tokens: int = Field(ge=1, le=1_000_000, description="Longest answer, in tokens.")
    context: int | None = Field(
        default=None,
        ge=64,
        le=100_000_000,
        description="Tokens that prompt and answer may have together; none: as many as the model takes.",
    )
    message_bytes: int = Field(ge=1, le=16_777_216, description="Longest message, in UTF-8 bytes.")
    attachment_bytes: int = Field(
        default=20_000_000, ge=1, le=33_000_000, description="Largest file that can be attached, in bytes."
    )
    attachments: int = Field(default=10, ge=0, le=50, description="Files beside one question; 0: none.")
    requests_per_minute: int = Field(ge=1, le=1_000_000, description="Questions a minute.")
    requests_per_day: int | None = Field(default=None, ge=1, description="Questions a day; none: no limit.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description=f"Tokens a minute, {_TOKENS}")
    tokens_per_day: int | None = Field(default=None, ge=1, description=f"Tokens a day in Seoul, {_TOKENS}")


class Group(Limit, Subjects):
    """Limits for some people; the first group that fits is taken."""

    name: str = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _somebody(self) -> "Group":
        if not self.roles and not self.groups:
            raise ValueError(N_("say whom the limits are for: roles, groups or both"))
        return self


class Limits(Document):
    """policies/limits.yaml: limits for everyone, and for groups that need others."""

    version: Literal[1]
    default: Limit
    groups: tuple[Group, ...] = ()
