"""The audit entries of an answer's life: prompt, refusal, reply. Counts and ids, never text."""

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.completions.store import AdmissionRow
from appliance.completions.values import Admitted, Ask, Reply
from appliance.core import Decision, Outcome, Principal

TASK = "completion"


def prompt(admitted: Admitted) -> Entry:
    """A prompt that was let through, before the model sees it."""
    ask = admitted.ask
    return Entry(
        action=AuditAction.PROMPT,
        actor=ask.principal,
        outcome=admitted.decision.outcome,
        object=ask.object,
        subject=ask.subject_id,
        task=TASK,
        reason=admitted.decision.reason,
        rules=admitted.decision.rules,
        policy_revision=admitted.decision.policy_revision,
        model=admitted.model.model_sha256,
        detections=admitted.decision.detections,
        request_id=ask.request_id,
    )


def refusal(ask: Ask, decision: Decision, code: str) -> Entry:
    """A prompt that was not let through: blocked by a rule, or refused by a limit."""
    return Entry(
        action=AuditAction.PROMPT_REFUSED,
        actor=ask.principal,
        outcome=Outcome.REFUSED if decision.permitted else decision.outcome,
        object=ask.object,
        subject=ask.subject_id,
        task=TASK,
        reason=code,
        rules=decision.rules,
        policy_revision=decision.policy_revision,
        detections=decision.detections,
        request_id=ask.request_id,
    )


def trial(ask: Ask, decision: Decision) -> Entry:
    """What a draft on trial would have decided about a request, where it differs."""
    return Entry(
        action=AuditAction.POLICY_WOULD_DIFFER,
        actor=ask.principal,
        outcome=decision.outcome,
        object=ask.object,
        subject=ask.subject_id,
        task="policy",
        reason=decision.reason,
        rules=decision.rules,
        policy_revision=decision.policy_revision,
        detections=decision.detections,
        request_id=ask.request_id,
    )


def reply(admitted: Admitted, outcome: Reply) -> Entry:
    """How the answer to an admitted prompt ended."""
    return Entry(
        action=AuditAction.REPLY,
        actor=admitted.ask.principal,
        outcome=_outcome(outcome),
        object=admitted.ask.object,
        subject=admitted.ask.subject_id,
        task=TASK,
        reason=outcome.reason,
        policy_revision=admitted.decision.policy_revision,
        model=admitted.model.model_sha256,
        usage=outcome.usage,
        detections=outcome.detections,
        request_id=admitted.ask.request_id,
    )


def lost(row: AdmissionRow) -> Entry:
    """An answer that an earlier process promised and did not live to give."""
    return Entry(
        action=AuditAction.REPLY,
        actor=Principal(
            row.user_id, "key" if row.credential_kind == "key" else "user", row.credential_id, row.origin
        ),
        outcome=Outcome.FAILED,
        object=row.object,
        subject=row.user_id,
        task=TASK,
        reason="lost",
        request_id=row.request_id,
    )


def _outcome(outcome: Reply) -> Outcome:
    if outcome.state == "failed":
        return Outcome.FAILED
    return Outcome.MASKED if outcome.detections else Outcome.ALLOWED
