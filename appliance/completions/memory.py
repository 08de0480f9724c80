"""What is remembered of each decision, so that other policies can be tried on it: counts, never texts."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy.orm import Session

from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.completions import entries
from appliance.completions.values import Ask, Reply
from appliance.core import Decision, Target
from appliance.policy import decisions
from appliance.policy.active import ActivePolicy
from appliance.policy.detectors.scan import scan
from appliance.policy.model import Direction


class Memory:
    """Everything happens in the caller's transaction."""

    def __init__(self, audit: AuditLog, policy: ActivePolicy, clock: Clock) -> None:
        self._audit = audit
        self._policy = policy
        self._clock = clock

    def prompt(
        self, session: Session, ask: Ask, target: Target, found: Mapping[str, int], decision: Decision
    ) -> None:
        """Keep the decision's counts for replays, and what a draft on trial would have decided otherwise."""
        about = (ask.principal, ask.permission)
        tried = self._tried(ask, target, found, Direction.PROMPT)
        decisions.record(session, self._clock.now(), *about, target, found, decision, trial=tried)
        self._note(session, ask, decision, tried)

    def reply(self, session: Session, ask: Ask, found: Mapping[str, int]) -> None:
        """The same for what was found in an answer."""
        about, way = (ask.principal, ask.permission), Direction.REPLY
        decision = decisions.decided(self._policy.current, *about, found, ask.target, way)
        tried = self._tried(ask, ask.target, found, way)
        decisions.record(session, self._clock.now(), *about, ask.target, found, decision, way, tried)
        self._note(session, ask, decision, tried)

    def _tried(
        self, ask: Ask, target: Target, found: Mapping[str, int], way: Direction
    ) -> tuple[str, Decision] | None:
        """The draft on trial and what it would decide."""
        trial = self._policy.trial
        if trial is None or trial.policy is None:
            return None
        about = (ask.principal, ask.permission)
        return trial.key[0], decisions.decided(trial.policy, *about, found, target, way)

    def _note(
        self, session: Session, ask: Ask, decision: Decision, tried: tuple[str, Decision] | None
    ) -> None:
        if tried is None:
            return
        other = tried[1]
        if (other.outcome, other.detections) != (decision.outcome, decision.detections):
            self._audit.append(session, entries.trial(ask, other))

    def found_in(self, reply: Reply) -> dict[str, int] | None:
        """All that was found in an answer, by detector and level; None for one that said nothing."""
        if not (reply.spoken or reply.found):
            return None
        seen = scan(reply.spoken, self._clock.now().date(), self._policy.current.own)
        return dict(Counter(reply.found) + Counter(f"{one.detector}.{one.level.name}" for one in seen))
