"""The whole set of policies, compiled for quick answers.

Frozen values only: no file is read here, so that decisions stay pure. Every rule carries an
id that appears on pages and in the log, and its reason in both languages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from appliance.core import DataClass, Permission, Principal, Target, highest
from appliance.policy.access import Access, AccessRule, known_roles
from appliance.policy.audit import Audit
from appliance.policy.detectors.finding import CUSTOM, Finding, Level
from appliance.policy.detectors.own import Own
from appliance.policy.dlp import Action, Direction, Dlp, DlpRule
from appliance.policy.egress import Egress
from appliance.policy.limits import Limit, Limits
from appliance.policy.notices import Notices
from appliance.policy.retention import Retention
from appliance.policy.shape import Language, Reason

__all__ = ["Action", "Direction", "Language", "Limit", "Parts", "PolicySet", "Ruling", "Rulings", "compiled"]

STRENGTH = {action: number for number, action in enumerate(Action)}
_MOST_REMEMBERED = 512


class Ruling(NamedTuple):
    """What happens to a finding and which rules ask for it; see DlpRule for the last two."""

    action: Action
    rules: tuple[str, ...] = ()
    restore: bool = False
    final: bool = False


_FREE = Ruling(Action.ALLOW)
_Key = tuple[Direction, str, Level]


@dataclass(frozen=True, slots=True)
class Rulings:
    """The rules about findings as they apply to one principal and one class of data."""

    table: Mapping[_Key, Ruling]

    def of(self, direction: Direction, finding: Finding) -> Ruling:
        """What happens to a finding; no rule means it is allowed."""
        return self.table.get((direction, finding.detector, finding.level), _FREE)

    def acted(self, direction: Direction) -> frozenset[tuple[str, Level]]:
        """The detectors and levels to which something happens in this direction."""
        return frozenset(
            (detector, level)
            for (way, detector, level), ruling in self.table.items()
            if way is direction and ruling.action is not Action.ALLOW
        )


@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """The documents of one revision, and the compiled words and patterns of the organisation."""

    access: Access
    dlp: Dlp
    limits: Limits
    retention: Retention
    notices: Notices
    egress: Egress
    audit: Audit
    own: Own


@dataclass(frozen=True, slots=True, repr=False)
class PolicySet:
    """One revision of all documents. Make it with `compiled`.

    `allows` and `denies` map a permission to its rules, in order. `_remembered` keeps rulings that
    were worked out before: the same rules for the same people, so it changes no answer.
    """

    revision: str
    parts: Parts
    allows: Mapping[Permission, tuple[AccessRule, ...]]
    denies: Mapping[Permission, tuple[AccessRule, ...]]
    reasons: Mapping[str, Reason]
    _remembered: dict[tuple[DlpRule, ...], Rulings] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"PolicySet({self.revision[:12]})"

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role that people can have, the built-in ones first."""
        return known_roles(self.parts.access)

    @property
    def access(self) -> Access:
        return self.parts.access

    @property
    def own(self) -> Own:
        """The organisation's own words and patterns."""
        return self.parts.own

    def limits_for(self, principal: Principal) -> Limit:
        """The limits of the first group that fits the principal, else the default."""
        limits = self.parts.limits
        return next((group for group in limits.groups if group.mean(principal)), limits.default)

    def class_for(self, principal: Principal) -> DataClass:
        """The lowest class of what the principal writes."""
        classes = self.parts.access.classes
        return highest(classes.default, *(rule.data_class for rule in classes.groups if rule.mean(principal)))

    def rulings(self, principal: Principal, data_class: DataClass = DataClass.OPEN) -> Rulings:
        """The rules about findings that apply to this principal and class of data."""
        rules = tuple(
            rule
            for rule in self.parts.dlp.rules
            if rule.mean(principal) and (not rule.classes or data_class in rule.classes)
        )
        known = self._remembered.get(rules)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[rules] = Rulings(_rulings(rules, self.own.names))
        return known

    def explain(self, rule_id: str, language: Language = "ko") -> str:
        """Why a rule is there; empty for an id this revision does not know."""
        reason = self.reasons.get(rule_id)
        return getattr(reason, language) if reason else ""


def compiled(parts: Parts, revision: str) -> PolicySet:
    """The documents with their look-up tables."""
    access = parts.access
    reasons = {access.otherwise.id: access.otherwise.reason}
    reasons |= {rule.id: rule.reason for rule in access.rules}
    reasons |= {rule.id: rule.reason for rule in parts.dlp.rules}
    reasons |= {rule.id: rule.reason for rule in parts.retention.rules}
    return PolicySet(
        revision=revision,
        parts=parts,
        allows=_table(rule for rule in access.rules if rule.effect == "allow"),
        denies=_table(rule for rule in access.rules if rule.effect == "deny"),
        reasons=MappingProxyType(reasons),
    )


def with_revision(policy: PolicySet, revision: str) -> PolicySet:
    """The same set under the hash it was activated with: a newer program may read more into it."""
    return replace(policy, revision=revision)


def refused_by(policy: PolicySet, principal: Principal, permission: Permission, target: Target) -> list[str]:
    """The rules that keep a principal from it; empty when one allows it and none denies."""
    denied = [rule.id for rule in policy.denies.get(permission, ()) if rule.matches(principal, target)]
    if denied:
        return denied
    if any(rule.matches(principal, target) for rule in policy.allows.get(permission, ())):
        return []
    return [policy.parts.access.otherwise.id]


def _table(rules: Iterable[AccessRule]) -> Mapping[Permission, tuple[AccessRule, ...]]:
    table: dict[Permission, tuple[AccessRule, ...]] = {}
    for rule in rules:
        for permission in rule.permissions:
            table[permission] = (*table.get(permission, ()), rule)
    return MappingProxyType(table)


def _rulings(rules: Iterable[DlpRule], own: tuple[str, ...]) -> Mapping[_Key, Ruling]:
    table: dict[_Key, Ruling] = {}
    for rule in rules:
        for direction in rule.directions:
            for detector in _detectors(rule, own):
                for level in Level:
                    if level >= Level[rule.at_least]:
                        key = (direction, detector, level)
                        table[key] = _stronger(table.get(key), rule)
    return MappingProxyType(table)


def _detectors(rule: DlpRule, own: tuple[str, ...]) -> Iterable[str]:
    """A rule about "term" or "pattern" is about every list or pattern there is."""
    for name in rule.detectors:
        if name in CUSTOM:
            yield from (one for one in own if one.startswith(f"{name}:"))
        else:
            yield name


def _stronger(known: Ruling | None, rule: DlpRule) -> Ruling:
    if known is None or STRENGTH[rule.action] > STRENGTH[known.action]:
        return Ruling(rule.action, (rule.id,), rule.restore, rule.final)
    if rule.action == known.action:
        return Ruling(
            known.action,
            (*known.rules, rule.id),
            known.restore and rule.restore,
            known.final or rule.final,
        )
    return known
