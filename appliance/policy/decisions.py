"""What was decided, kept as counts, so that another policy can be tried on the same requests."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.core import DataClass, Decision, Outcome, Permission, Principal, Target
from appliance.ids import new_id
from appliance.policy import store
from appliance.policy.decide import decide
from appliance.policy.detectors.finding import CUSTOM, Finding, Kind, Level
from appliance.policy.model import Direction, PolicySet

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Change:
    """One request or reply (`direction`) on which the policies differ."""

    at: datetime
    user_id: str
    permission: str
    found: Mapping[str, int]
    before: str
    before_rules: tuple[str, ...]
    after: str
    after_rules: tuple[str, ...]
    direction: str = "prompt"


@dataclass(frozen=True, slots=True)
class Replay:
    """How the requests and replies of some days would have been decided. `kinds` counts (before, after)."""

    since: datetime
    requests: int
    changed: int
    people: int
    kinds: tuple[tuple[str, str, int], ...]
    rules: tuple[tuple[str, int], ...]
    examples: tuple[Change, ...]


def record(
    session: Session,
    at: datetime,
    principal: Principal,
    permission: Permission,
    target: Target,
    found: Mapping[str, int],
    decision: Decision,
    direction: Direction = Direction.PROMPT,
    trial: tuple[str, Decision] | None = None,
) -> None:
    """Keep one decision with what it was about, in the caller's transaction.

    `trial`: the draft that is tried out, and what it would have decided.
    """
    session.add(
        store.DecisionRow(
            id=new_id(),
            at=at,
            user_id=principal.user_id,
            roles=sorted(principal.roles),
            groups=sorted(principal.groups),
            permission=permission.value,
            model=target.model,
            assistant=target.assistant,
            data_class=target.data_class.value,
            found=dict(found),
            outcome=decision.outcome.value,
            rules=list(decision.rules),
            revision=decision.policy_revision,
            direction=direction.value,
            acted=dict(decision.detections),
            trial=trial[0] if trial else None,
            trial_outcome=trial[1].outcome.value if trial else None,
        )
    )


def decided(
    policy: PolicySet,
    principal: Principal,
    permission: Permission,
    found: Mapping[str, int],
    target: Target,
    direction: Direction,
) -> Decision:
    """The decision about counts. In replies there is nobody to ask, so what would be asked is masked."""
    decision = decide(policy, principal, permission, findings_of(found), target, direction)
    if direction is Direction.REPLY and decision.outcome is Outcome.ASKED:
        return replace(decision, outcome=Outcome.MASKED)
    return decision


def acted_since(session: Session, since: datetime) -> dict[tuple[str, str], int]:
    """(outcome, kind) -> how many pieces, of all decisions from then on."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome, acted in store.acted_since(session, since):
        counts.update({(outcome, kind): count for kind, count in acted.items()})
    return dict(counts)


def trial_counts(session: Session, draft_id: str) -> list[tuple[str, str, int]]:
    """(outcome, what the draft on trial would have decided, how often), the most frequent first."""
    return store.trial_counts(session, draft_id)


def count_before(session: Session, before: datetime) -> int:
    return store.count_decisions_before(session, before)


def remove_before(session: Session, before: datetime, limit: int) -> int:
    """Forget the oldest; how many were forgotten."""
    return store.remove_decisions_before(session, before, limit)


def replay(rows: Iterable[store.DecisionRow], before: PolicySet, after: PolicySet, since: datetime) -> Replay:
    """Decide every kept request again, by the policy in force and by the other one."""
    requests = 0
    people: set[str] = set()
    kinds: Counter[tuple[str, str]] = Counter()
    rules: Counter[str] = Counter()
    shown: list[Change] = []
    for row in rows:
        requests += 1
        change = _change(row, before, after)
        if change is None:
            continue
        people.add(row.user_id)
        kinds[change.before, change.after] += 1
        rules.update(change.after_rules)
        shown.append(change)
        if len(shown) > MOST_SHOWN:
            shown.pop(0)
    return Replay(
        since,
        requests,
        sum(kinds.values()),
        len(people),
        tuple((was, becomes, count) for (was, becomes), count in kinds.most_common()),
        tuple(rules.most_common()),
        tuple(reversed(shown)),
    )


def _change(row: store.DecisionRow, before: PolicySet, after: PolicySet) -> Change | None:
    was, becomes = _again(row, before), _again(row, after)
    if was.outcome == becomes.outcome and was.detections == becomes.detections:
        return None
    return Change(
        row.at,
        row.user_id,
        row.permission,
        dict(row.found),
        was.outcome.value,
        was.rules,
        becomes.outcome.value,
        becomes.rules,
        row.direction,
    )


def _again(row: store.DecisionRow, policy: PolicySet) -> Decision:
    principal = Principal(row.user_id, "user", roles=frozenset(row.roles), groups=frozenset(row.groups))
    target = Target(row.model, row.assistant, DataClass(row.data_class))
    direction = Direction(row.direction)
    return decided(policy, principal, Permission(row.permission), row.found, target, direction)


def findings_of(found: Mapping[str, int]) -> list[Finding]:
    """Findings of the counted detectors and levels, somewhere."""
    made: list[Finding] = []
    for name, count in found.items():
        detector, _, level = name.rpartition(".")
        kind, _, own = detector.partition(":")
        rule = f"{kind}.{own}" if kind in CUSTOM else kind
        made += [Finding(Kind(kind), Level[level], 0, 0, rule, "")] * min(count, 1000)
    return made
