"""The monthly review (안전성 확보조치 기준 art. 8): what happened, what is worth a look. Pure.

Nothing here accuses anybody: a finding says how often something happened, and where to look.
Months, nights and days are Seoul's.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone

import msgspec

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Leaf
from appliance.core import SYSTEM, Outcome

SEOUL = timezone(timedelta(hours=9), "KST")
EXPORTS = frozenset(
    {AuditAction.AUDIT_EXPORTED, AuditAction.EXPORT_FETCHED, AuditAction.TEXT_DISCLOSED,
     AuditAction.RECORDS_EXPORTED}
)  # fmt: skip
ALWAYS = {
    "clock": frozenset({AuditAction.CLOCK_JUMPED}),
    "egress": frozenset({AuditAction.EGRESS_DENIED}),
    "emergency": frozenset({AuditAction.EMERGENCY_USED}),
    "unanswered": frozenset({AuditAction.RUNTIME_RESTARTED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From how many on something is a finding; nights are from `night_from` to `night_to` o'clock."""

    night_from: int = 22
    night_to: int = 6
    night_uses: int = 5
    exports_a_day: int = 3
    blocks: int = 10
    failures: int = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is night, exports, blocks, sign-in, or one of ALWAYS. `who` is a person, origin or ''."""

    kind: str
    who: str
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Review:
    """One month. `sha256` names exactly this review, so that a signature means it and no other."""

    month: str
    entries: int
    first: int
    after: int
    people: int
    actions: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(msgspec.json.encode(asdict(self), order="sorted")).hexdigest()


class _Seen:
    """How often, and between which entries."""

    def __init__(self) -> None:
        self.count, self.first, self.last = 0, -1, -1

    def add(self, index: int) -> None:
        self.count += 1
        self.first = index if self.first < 0 else self.first
        self.last = index


def review(
    month: str, first: int, after: int, leaves: Iterable[Leaf], limits: Thresholds | None = None
) -> Review:
    """The review of these entries, in one pass; memory grows with people and days, not with entries."""
    limits = limits or Thresholds()
    actions: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    people: set[str] = set()
    seen: defaultdict[tuple[str, str], _Seen] = defaultdict(_Seen)
    for leaf in leaves:
        actions[leaf.action] += 1
        outcomes[leaf.outcome] += 1
        if leaf.actor.kind != "system" and leaf.actor.id:
            people.add(leaf.actor.id)
        for mark in _marks(leaf, limits):
            seen[mark].add(leaf.index or 0)
    return Review(
        month=month,
        entries=actions.total(),
        first=first,
        after=after,
        people=len(people),
        actions=dict(sorted(actions.items())),
        outcomes=dict(sorted(outcomes.items())),
        findings=tuple(_findings(seen, limits)),
    )


def _marks(leaf: Leaf, limits: Thresholds) -> Iterable[tuple[str, str]]:
    """(kind, who) of everything that this entry counts towards."""
    local = datetime.fromisoformat(leaf.time).astimezone(SEOUL)
    if leaf.actor.kind == "user" and leaf.actor.id and _at_night(local.hour, limits):
        yield "night", leaf.actor.id
    if leaf.action in EXPORTS and leaf.actor.id != SYSTEM.user_id:  # not those by the calendar
        yield "exports", f"{leaf.actor.id} {local:%Y-%m-%d}"
    if leaf.outcome == Outcome.BLOCKED:
        yield "blocks", leaf.actor.id
    if leaf.action == AuditAction.LOGIN_FAILED:
        yield "sign-in", leaf.subject or leaf.actor.origin
    if leaf.action == AuditAction.AUDIT_VERIFIED and leaf.outcome == Outcome.FAILED:
        yield "verification", ""
    if leaf.action == AuditAction.GUARD_LEVEL and leaf.guard != "kernel":
        yield "guard", leaf.object
    for kind, named in ALWAYS.items():
        if leaf.action in named:
            yield kind, ""


def _at_night(hour: int, limits: Thresholds) -> bool:
    if limits.night_from > limits.night_to:
        return hour >= limits.night_from or hour < limits.night_to
    return limits.night_from <= hour < limits.night_to


def _findings(seen: dict[tuple[str, str], _Seen], limits: Thresholds) -> Iterable[Finding]:
    """What reached its threshold, the most frequent first within its kind."""
    least = {
        "night": limits.night_uses,
        "exports": limits.exports_a_day,
        "blocks": limits.blocks,
        "sign-in": limits.failures,
    }
    for (kind, who), found in sorted(seen.items(), key=lambda one: (one[0][0], -one[1].count, one[0][1])):
        if found.count >= least.get(kind, 1):
            yield Finding(kind, who, found.count, found.first, found.last)
