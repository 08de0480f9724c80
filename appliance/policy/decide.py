"""The one decision: who, for what, with which findings -> outcome, rules and reasons.

Pure: no file, clock or randomness, so that yesterday's decision can be made again tomorrow.
Deny beats allow, block beats mask, and what no rule allows is denied.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core import Decision, Outcome, Permission, Principal
from appliance.policy.detectors.finding import Finding
from appliance.policy.model import Action, Direction, PolicySet


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with the findings a policy masks replaced; `detections` counts them by kind."""

    text: str
    detections: dict[str, int]


def decide(
    policy: PolicySet,
    principal: Principal,
    permission: Permission,
    findings: Sequence[Finding] = (),
) -> Decision:
    """Whether the principal may do this with a prompt in which `findings` were found.

    `detections` counts the findings that a rule blocks or masks; the reason is in
    English, for the log: pages explain the rules in the reader's language (PolicySet.explain).
    """
    refused = _refused(policy, principal, permission)
    if refused:
        return _decision(policy, Outcome.REFUSED, refused, {})
    if not findings:
        return Decision(Outcome.ALLOWED, policy_revision=policy.revision)
    by_action: dict[Action, Counter[str]] = {action: Counter() for action in Action}
    rules: dict[Action, dict[str, None]] = {action: {} for action in Action}  # a set that keeps its order
    for finding in findings:
        action, ids = policy.ruling(Direction.PROMPT, finding)
        by_action[action][finding.type.value] += 1
        rules[action].update(dict.fromkeys(ids))
    for action, outcome in ((Action.BLOCK, Outcome.BLOCKED), (Action.MASK, Outcome.MASKED)):
        if by_action[action]:
            return _decision(policy, outcome, tuple(rules[action]), dict(by_action[action]))
    return Decision(Outcome.ALLOWED, tuple(rules[Action.ALLOW]), policy_revision=policy.revision)


def mask(text: str, findings: Sequence[Finding], policy: PolicySet, direction: Direction) -> Masked:
    """`text` with each finding that the policy masks in this direction replaced by its mask.

    `findings` come from one `scan` of this very text: in order and not overlapping.
    """
    parts: list[str] = []
    detections: Counter[str] = Counter()
    position = 0
    for finding in findings:
        if policy.ruling(direction, finding)[0] is Action.MASK:
            parts += (text[position : finding.start], finding.mask)
            position = finding.end
            detections[finding.type.value] += 1
    return Masked("".join(parts) + text[position:], dict(detections))


def _refused(policy: PolicySet, principal: Principal, permission: Permission) -> tuple[str, ...]:
    """The rules that keep the principal from it; empty when one allows it and none denies."""
    keys = [(role, permission) for role in sorted(principal.roles)]
    denied = tuple(rule for key in keys for rule in policy.refusals.get(key, ()))
    if denied:
        return tuple(dict.fromkeys(denied))
    return () if any(key in policy.grants for key in keys) else (policy.access.otherwise.id,)


def _decision(
    policy: PolicySet,
    outcome: Outcome,
    rules: tuple[str, ...],
    detections: dict[str, int],
) -> Decision:
    reason = " ".join(policy.explain(rule, "en") for rule in rules)
    return Decision(outcome, rules, reason, policy.revision, detections)
