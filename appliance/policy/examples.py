"""policies/examples.yaml: texts and wishes whose outcome a change of the policies must not change."""

from datetime import date
from typing import Literal

from pydantic import Field

from appliance.core import DataClass, Permission, Principal, Target
from appliance.errors import N_, Said
from appliance.policy.decide import decide
from appliance.policy.detectors.scan import scan
from appliance.policy.dlp import Direction
from appliance.policy.model import PolicySet
from appliance.policy.shape import Document, GroupName, RoleName, RuleId

DAY = date(2100, 1, 1)  # one day for all, so that an example means the same tomorrow


class Example(Document):
    """Who wants to do what with which text, and what must come of it."""

    name: str = Field(min_length=1, max_length=100)
    roles: tuple[RoleName, ...] = ("member",)
    groups: tuple[GroupName, ...] = ()
    permission: Permission = Permission.CHAT_USE
    direction: Direction = Direction.PROMPT
    text: str = Field(default="", max_length=10_000)
    model: str = ""
    assistant: str = ""
    data_class: DataClass = DataClass.OPEN
    expect: Literal["allowed", "warned", "masked", "asked", "blocked", "refused"]
    rules: tuple[RuleId, ...] = Field(default=(), description="The rules that must be the reason, if named.")


class Examples(Document):
    """policies/examples.yaml: no draft is activated that fails one of these."""

    version: Literal[1]
    examples: tuple[Example, ...] = Field(default=(), max_length=1000)


def failure(policy: PolicySet, example: Example) -> Said | None:
    """What came instead of what was expected; None when the example passes."""
    principal = Principal("example", "user", roles=frozenset(example.roles), groups=frozenset(example.groups))
    decision = decide(
        policy,
        principal,
        example.permission,
        scan(example.text, DAY, policy.own),
        Target(example.model, example.assistant, example.data_class),
        example.direction,
    )
    as_expected = decision.outcome == example.expect
    if as_expected and (not example.rules or set(example.rules) == set(decision.rules)):
        return None
    if not decision.rules:
        return Said(N_("%(outcome)s by no rule"), outcome=decision.outcome)
    return Said(N_("%(outcome)s by %(rules)s"), outcome=decision.outcome, rules=", ".join(decision.rules))
