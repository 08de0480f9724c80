"""Whether a person may use a page or a function; a refusal is explained and recorded."""

from collections.abc import Callable

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.core import Decision, Outcome, Permission, Principal
from appliance.errors import N_, PolicyViolation
from appliance.policy.active import ActivePolicy
from appliance.policy.decide import decide
from appliance.policy.model import Language, PolicySet
from appliance.storage.engine import Database


class Gate:
    """Asks the policy in force. `may` is a look, `require` is a decision that leaves a trace."""

    def __init__(self, policy: ActivePolicy, database: Database, audit: AuditLog) -> None:
        self._policy = policy
        self._database = database
        self._audit = audit

    @property
    def policy(self) -> PolicySet:
        """The revision in force now."""
        return self._policy.current

    def may(self, principal: Principal, permission: Permission) -> bool:
        return decide(self._policy.current, principal, permission).permitted

    def require(self, principal: Principal, permission: Permission) -> None:
        """Raises PolicyViolation when no rule allows it or one denies it; then the log says so."""
        policy = self._policy.current
        decision = decide(policy, principal, permission)
        if decision.permitted:
            return
        with self._database.write() as session:
            self._audit.append(session, refusal(principal, permission, decision))
        raise violation(policy, decision)


def refusal(principal: Principal, permission: Permission, decision: Decision) -> Entry:
    """The entry of an action that the policy did not permit."""
    return Entry(
        action=AuditAction.ACCESS_REFUSED,
        actor=principal,
        outcome=Outcome.REFUSED,
        object=f"permission:{permission}",
        subject=principal.user_id,
        task="access",
        reason=decision.reason,
        rules=decision.rules,
        policy_revision=decision.policy_revision,
    )


_SAID = {
    Outcome.BLOCKED: N_("This was not sent because of rule %(rule)s: %(reason)s"),
    Outcome.ASKED: N_(
        "This was held back because of rule %(rule)s: %(reason)s Change it, send it masked, or say why "
        "it must be sent as it is."
    ),
}
_REFUSED = N_("You may not do this. Rule %(rule)s: %(reason)s")


def violation(
    policy: PolicySet,
    decision: Decision,
    spans: tuple[tuple[int, int], ...] = (),
    offers: frozenset[str] = frozenset(),
) -> PolicyViolation:
    """The error that tells the person which rule it was and why, in their language."""

    def reason(translate: Callable[[str], str]) -> str:
        language: Language = "ko" if getattr(translate, "language", "en") == "ko" else "en"
        return " ".join(policy.explain(rule, language) for rule in decision.rules)

    return PolicyViolation(
        _SAID.get(decision.outcome, _REFUSED),
        rules=decision.rules,
        spans=spans,
        offers=offers,
        reason=reason,
        rule=", ".join(decision.rules),
    )
