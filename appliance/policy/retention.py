"""policies/retention.yaml: how long each sort of data is kept, and between which bounds."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from appliance.core import DataClass
from appliance.policy.shape import Document, GroupName, Reason, RuleId

CEILING = "R-0"  # the rule id of what only the ceiling ends
_CEILING_REASON = Reason(
    ko="어느 규칙에도 없는 것은 상한까지만 보관합니다.", en="What no rule names is kept up to the ceiling."
)


class Kept(StrEnum):
    """What is kept for a while and then destroyed. The audit log itself only grows."""

    CONVERSATION = "conversation"
    DECISION = "decision"


class Bounds(Document):
    """Nobody may keep less than the floor or more than the ceiling, in days."""

    floor_days: int = Field(ge=1, le=36500)
    ceiling_days: int = Field(ge=1, le=36500)


class RetentionRule(Document):
    """How long one sort of data of some people is kept; the first rule that fits is taken."""

    id: RuleId
    keeps: Kept
    groups: tuple[GroupName, ...] = Field(default=(), description="Only data of people in these groups.")
    classes: tuple[DataClass, ...] = Field(default=(), description="Only data of these classes: O, S, C.")
    days: int = Field(ge=1, le=36500, description="Days after the last change.")
    reason: Reason

    def matches(self, keeps: Kept, groups: Iterable[str], data_class: DataClass) -> bool:
        return (
            self.keeps is keeps
            and (not self.groups or not frozenset(self.groups).isdisjoint(groups))
            and (not self.classes or data_class in self.classes)
        )


class Retention(Document):
    """policies/retention.yaml. What no rule names is kept up to its ceiling, or else until deleted."""

    version: Literal[1]
    bounds: dict[Kept, Bounds] = Field(default_factory=dict)
    rules: tuple[RetentionRule, ...] = ()

    def rule_for(self, keeps: Kept, groups: Iterable[str], data_class: DataClass) -> RetentionRule | None:
        """The rule that says how long, the ceiling where no rule fits; None when nothing does."""
        found = next((rule for rule in self.rules if rule.matches(keeps, groups, data_class)), None)
        bounds = self.bounds.get(keeps)
        if found is not None or bounds is None:
            return found
        return RetentionRule(id=CEILING, keeps=keeps, days=bounds.ceiling_days, reason=_CEILING_REASON)
