"""What all policy documents are made of: frozen, strict, explained in both languages."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.core import Principal

RuleId = Annotated[str, Field(pattern=r"^[A-Z]{1,3}-[0-9]{1,4}$", description="Stable name, as in P-3.")]
RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$", description="A role, as in auditor.")]
GroupName = Annotated[str, Field(min_length=1, max_length=64, description="A group of people, by its name.")]
Language = Literal["ko", "en"]


class Document(BaseModel):
    """A document or a part of one. Unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(Document):
    """A text for people, in both languages."""

    ko: str = Field(min_length=1, max_length=300)
    en: str = Field(min_length=1, max_length=300)


class Subjects(Document):
    """Whom a rule is about. No roles means any role, no groups means any group."""

    roles: tuple[RoleName, ...] = Field(default=(), description="People with one of these roles.")
    groups: tuple[GroupName, ...] = Field(default=(), description="People in one of these groups.")
    except_groups: tuple[GroupName, ...] = Field(default=(), description="But nobody in one of these.")

    def mean(self, principal: Principal) -> bool:
        """Whether the principal is one of them."""
        return (
            (not self.roles or not principal.roles.isdisjoint(self.roles))
            and (not self.groups or not principal.groups.isdisjoint(self.groups))
            and (not self.except_groups or principal.groups.isdisjoint(self.except_groups))
        )
