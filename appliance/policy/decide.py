"""The one decision: who, for what, on what, with which findings -> outcome, rules and reasons.

Pure: no file, clock or randomness, so that yesterday's decision can be made again tomorrow.
Deny beats allow, the stronger action beats the weaker, and what no rule allows is denied.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core import Decision, Outcome, Permission, Principal, Target
from appliance.policy.detectors.finding import Finding
from appliance.policy.model import Action, Direction, PolicySet, Rulings, refused_by

NO_TARGET = Target()
OUTCOMES = (
    (Action.BLOCK, Outcome.BLOCKED),
    (Action.ASK, Outcome.ASKED),
    (Action.MASK, Outcome.MASKED),
    (Action.WARN, Outcome.WARNED),
)
_MASKING = (Action.MASK, Action.ASK, Action.BLOCK)


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
    target: Target = NO_TARGET,
    direction: Direction = Direction.PROMPT,
) -> Decision:
    """Whether the principal may do this to `target`, with a text in which `findings` were found.

    `detections` counts the findings of the outcome's action, `rules` names who asked for it; the
    reason is in English, for the log: pages explain the rules in the reader's language
    (PolicySet.explain).
    """
    refused = refused_by(policy, principal, permission, target)
    if refused:
        return _decision(policy, Outcome.REFUSED, tuple(refused), {})
    if not findings:
        return Decision(Outcome.ALLOWED, policy_revision=policy.revision)
    rulings = policy.rulings(principal, target.data_class)
    by_action: dict[Action, Counter[str]] = {action: Counter() for action in Action}
    rules: dict[Action, dict[str, None]] = {action: {} for action in Action}  # a set that keeps its order
    for finding in findings:
        ruling = rulings.of(direction, finding)
        by_action[ruling.action][finding.type.value] += 1
        rules[ruling.action].update(dict.fromkeys(ruling.rules))
    for action, outcome in OUTCOMES:
        if by_action[action]:
            return _decision(policy, outcome, tuple(rules[action]), dict(by_action[action]))
    return Decision(Outcome.ALLOWED, tuple(rules[Action.ALLOW]), policy_revision=policy.revision)


def mask(
    text: str,
    findings: Sequence[Finding],
    rulings: Rulings,
    direction: Direction,
    actions: Sequence[Action] = _MASKING,
) -> Masked:
    """`text` with each finding that the policy does one of `actions` to replaced by its mask.

    `findings` come from one `scan` of this very text: in order and not overlapping.
    """
    parts: list[str] = []
    detections: Counter[str] = Counter()
    position = 0
    for finding in findings:
        if rulings.of(direction, finding).action in actions:
            parts += (text[position : finding.start], finding.mask)
            position = finding.end
            detections[finding.type.value] += 1
    return Masked("".join(parts) + text[position:], dict(detections))


def _decision(
    policy: PolicySet,
    outcome: Outcome,
    rules: tuple[str, ...],
    detections: dict[str, int],
) -> Decision:
    reason = " ".join(policy.explain(rule, "en") for rule in rules)
    return Decision(outcome, rules, reason, policy.revision, detections)
