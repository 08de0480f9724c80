"""What policies/*.yaml may say, and the whole set compiled for quick answers.

Frozen values only: no file is read here, so that decisions stay pure. Every rule carries an
id that appears on pages and in the log, and its reason in both languages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.core import Permission, Principal, Role
from appliance.policy.detectors.dictionary import Dictionary
from appliance.policy.detectors.finding import Finding, Kind, Level

RuleId = Annotated[str, Field(pattern=r"^[A-Z]{1,3}-[0-9]{1,4}$", description="Stable name, as in P-3.")]
RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$", description="A role, as in auditor.")]
Language = Literal["ko", "en"]


class Direction(StrEnum):
    """Which way a text goes: to the model or from it."""

    PROMPT = "prompt"
    REPLY = "reply"


class Action(StrEnum):
    """What happens to a finding; the later in this list, the stronger."""

    ALLOW = "allow"
    MASK = "mask"
    BLOCK = "block"


_STRENGTH = {action: number for number, action in enumerate(Action)}


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(_Document):
    """Why a rule is there, for the person it stops."""

    ko: str = Field(min_length=1, max_length=300)
    en: str = Field(min_length=1, max_length=300)


class AccessRule(_Document):
    """Who may, or may not, do what."""

    id: RuleId
    effect: Literal["allow", "deny"] = "allow"
    roles: tuple[RoleName, ...] = Field(min_length=1)
    permissions: tuple[Permission, ...] = Field(min_length=1)
    reason: Reason


class Otherwise(_Document):
    """What is said when no access rule allows something."""

    id: RuleId
    reason: Reason


class CustomRole(_Document):
    """A role of this house, beside the four that every house has."""

    name: RoleName
    title: Reason = Field(description="What pages call it.")


class SignIn(_Document):
    """How long a sign-in lasts and what it takes."""

    idle_minutes: int = Field(default=480, ge=5, le=1440, description="A session unused so long ends.")
    absolute_hours: int = Field(default=168, ge=1, le=720, description="Every session ends after so long.")
    confirm_minutes: int = Field(
        default=10, ge=1, le=60, description="How long a password typed again counts before dangerous acts."
    )
    link_hours: int = Field(
        default=72, ge=1, le=336, description="Invitation and reset links end after so long."
    )
    second_factor: tuple[RoleName, ...] = Field(
        default=(), description="Roles that must have a second factor before they can do anything else."
    )


class Access(_Document):
    """policies/access.yaml: roles and their permissions. A deny beats every allow."""

    version: Literal[1]
    roles: tuple[CustomRole, ...] = ()
    sign_in: SignIn = SignIn()
    otherwise: Otherwise
    rules: tuple[AccessRule, ...]


class DlpRule(_Document):
    """What happens to one sort of finding."""

    id: RuleId
    directions: tuple[Direction, ...] = Field(min_length=1)
    detectors: tuple[Kind, ...] = Field(min_length=1)
    at_least: Literal["LOW", "MEDIUM", "HIGH"] = "HIGH"
    action: Action
    reason: Reason


class Dlp(_Document):
    """policies/dlp.yaml: personal data and secrets. The strongest matching action wins."""

    version: Literal[1]
    rules: tuple[DlpRule, ...]


class Limit(_Document):
    """How much one person may ask for at a time."""

    running: int = Field(ge=1, le=1024, description="Answers made at the same time.")
    waiting: int = Field(ge=0, le=65536, description="Questions that may wait beyond those.")
    weight: float = Field(gt=0, le=100, description="Share of the model beside people of weight 1.")
    max_tokens: int = Field(ge=1, le=1_000_000, description="Longest answer, in tokens.")
    message_bytes: int = Field(ge=1, le=16_777_216, description="Longest message, in UTF-8 bytes.")
    requests_per_minute: int = Field(ge=1, le=1_000_000, description="Questions a minute.")


class Group(Limit):
    """Limits for the people with one of these roles; the first group that fits is taken."""

    name: str = Field(min_length=1, max_length=64)
    roles: tuple[RoleName, ...] = Field(min_length=1)


class Limits(_Document):
    """policies/limits.yaml: limits for everyone, and for groups that need others."""

    version: Literal[1]
    default: Limit
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class PolicySet:
    """One revision of all documents. Make it with `compiled`.

    `grants` and `refusals` map role and permission to rule ids; `rulings` maps direction, kind
    and level to the action and the rules that ask for it.
    """

    revision: str
    access: Access
    dlp: Dlp
    limits: Limits
    dictionary: Dictionary
    grants: Mapping[tuple[str, Permission], tuple[str, ...]]
    refusals: Mapping[tuple[str, Permission], tuple[str, ...]]
    rulings: Mapping[tuple[Direction, Kind, Level], tuple[Action, tuple[str, ...]]]
    reasons: Mapping[str, Reason]

    def __repr__(self) -> str:
        return f"PolicySet({self.revision[:12]})"

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that people can have, the built-in ones first."""
        return known_roles(self.access)

    def limits_for(self, principal: Principal) -> Limit:
        """The limits of the first group with one of the principal's roles, else the default."""
        for group in self.limits.groups:
            if not principal.roles.isdisjoint(group.roles):
                return group
        return self.limits.default

    def ruling(self, direction: Direction, finding: Finding) -> tuple[Action, tuple[str, ...]]:
        """What happens to a finding, and by which rules; no rule means it is allowed."""
        return self.rulings.get((direction, finding.type, finding.level), (Action.ALLOW, ()))

    def explain(self, rule_id: str, language: Language = "ko") -> str:
        """Why a rule is there; empty for an id this revision does not know."""
        reason = self.reasons.get(rule_id)
        return getattr(reason, language) if reason else ""


def compiled(access: Access, dlp: Dlp, limits: Limits, dictionary: Dictionary, revision: str) -> PolicySet:
    """The documents with their look-up tables."""
    return PolicySet(
        revision=revision,
        access=access,
        dlp=dlp,
        limits=limits,
        dictionary=dictionary,
        grants=_table(rule for rule in access.rules if rule.effect == "allow"),
        refusals=_table(rule for rule in access.rules if rule.effect == "deny"),
        rulings=_rulings(dlp.rules),
        reasons=MappingProxyType(
            {
                access.otherwise.id: access.otherwise.reason,
                **{rule.id: rule.reason for rule in access.rules},
                **{rule.id: rule.reason for rule in dlp.rules},
            }
        ),
    )


def known_roles(access: Access) -> tuple[str, ...]:
    """The built-in roles, then those that the document adds."""
    return (*Role, *(role.name for role in access.roles))


def _table(rules: Iterable[AccessRule]) -> Mapping[tuple[str, Permission], tuple[str, ...]]:
    table: dict[tuple[str, Permission], tuple[str, ...]] = {}
    for rule in rules:
        for role in rule.roles:
            for permission in rule.permissions:
                table[role, permission] = (*table.get((role, permission), ()), rule.id)
    return MappingProxyType(table)


def _rulings(
    rules: Iterable[DlpRule],
) -> Mapping[tuple[Direction, Kind, Level], tuple[Action, tuple[str, ...]]]:
    table: dict[tuple[Direction, Kind, Level], tuple[Action, tuple[str, ...]]] = {}
    for rule in rules:
        for direction in rule.directions:
            for kind in rule.detectors:
                for level in Level:
                    if level >= Level[rule.at_least]:
                        key = (direction, kind, level)
                        table[key] = _stronger(table.get(key), rule)
    return MappingProxyType(table)


def _stronger(known: tuple[Action, tuple[str, ...]] | None, rule: DlpRule) -> tuple[Action, tuple[str, ...]]:
    if known is None or _STRENGTH[rule.action] > _STRENGTH[known[0]]:
        return rule.action, (rule.id,)
    if rule.action == known[0]:
        return known[0], (*known[1], rule.id)
    return known
