"""Changing the policies: drafts, their checks and trials, a second person, activation, rollback.

Every step is recorded in its transaction. Where the product may dial (egress.yaml) is not decided
here but at the command line: a web process that was taken over must not open a way out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.admin.lockout import guard
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome, Principal
from appliance.errors import N_, Conflict, Forbidden, InvalidInput, NaesilError, NotFound
from appliance.identity.house import Identity
from appliance.ids import new_id
from appliance.policy import drafts
from appliance.policy.active import ActivePolicy
from appliance.policy.decisions import Replay, replay, trial_counts
from appliance.policy.difference import RuleChange, by_rule, by_text
from appliance.policy.drafts import OPEN_STATES, Draft, DraftRow
from appliance.policy.files import DOCUMENT_NAMES
from appliance.policy.model import PolicySet
from appliance.policy.revisions import Revision, Revisions, Texts, validated
from appliance.policy.yaml_text import PolicyError
from appliance.storage.engine import Database

CLOSED_FILE = "egress.yaml"
LONGEST_NOTE = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """What a set would change against the revision in force."""

    rules: tuple[RuleChange, ...]
    texts: dict[str, list[str]]


class Policies:
    """The service. Every method is one short transaction; `revisions` holds what is in force."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        identity: Identity,
        revisions: Revisions,
        active: ActivePolicy,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._identity = identity
        self._active = active
        self.revisions = revisions

    def drafts(self) -> list[Draft]:
        """Those that may still become a revision."""
        with self._database.read() as session:
            return [drafts.value(row) for row in drafts.open_ones(session)]

    def draft(self, draft_id: str) -> Draft:
        with self._database.read() as session:
            return drafts.value(_row(session, draft_id))

    def start(self, actor: Principal, note: str, texts: Texts | None = None) -> Draft:
        """A draft that says what the revision in force says, or what these files say."""
        number = self.revisions.number()
        current = self.revisions.texts(number)
        texts = current if texts is None else texts
        if texts.get(CLOSED_FILE) != current.get(CLOSED_FILE):
            raise InvalidInput(
                N_("Where the product may dial is decided at the command line: appliance policy apply.")
            )
        with self._database.write() as session:
            row = drafts.new(session, new_id(), number, texts, actor.user_id, _note(note), self._clock.now())
            self._record(session, AuditAction.POLICY_DRAFTED, actor, row)
            return drafts.value(row)

    def write(self, actor: Principal, draft_id: str, name: str, text: str) -> Draft:
        """Change one file of a draft. Whoever approved it approved something else: that is undone."""
        if name == CLOSED_FILE:
            raise InvalidInput(
                N_("Where the product may dial is decided at the command line: appliance policy apply.")
            )
        known = {f"{one}.yaml" for one in DOCUMENT_NAMES} | {"terms.txt"}
        with self._changing(draft_id, "draft", "proposed", "approved") as (session, row):
            if name not in known and name not in row.files:
                raise NotFound(N_("There is no such file."))
            row.files = {**row.files, name: text}
            row.state, row.approver, row.problem = "draft", "", ""
            row.author = actor.user_id
            self._record(session, AuditAction.POLICY_DRAFTED, actor, row)
            return drafts.value(row)

    def problems(self, draft: Draft) -> tuple[PolicyError, ...]:
        """What is wrong with it, examples included."""
        return validated(draft.files, "draft")[1]

    def difference(self, texts: Texts) -> Difference:
        """Against the revision in force. Raises PolicyError for a set with mistakes."""
        policy = _sound(texts)
        current = self.revisions.texts(self.revisions.number())
        return Difference(by_rule(self.revisions.active, policy), by_text(current, texts))

    def replay(self, actor: Principal, texts: Texts, days: int) -> Replay:
        """How the requests of the last days would have been decided. Recorded: it reads about people."""
        policy = _sound(texts)
        since = self._clock.now() - timedelta(days=days)
        with self._database.write(shared=True) as session:
            entry = Entry(
                action=AuditAction.POLICY_REPLAYED,
                actor=actor,
                outcome=Outcome.ALLOWED,
                object=f"policy:days:{days}",
                task="policy",
                policy_revision=policy.revision,
            )
            self._audit.append(session, entry)
        with self._database.read() as session:
            return replay(drafts.decisions_since(session, since), self.revisions.active, policy, since)

    def tried(self, draft_id: str) -> list[tuple[str, str, int]]:
        """What a trial counted so far: (outcome, what the draft would have decided, how often)."""
        with self._database.read() as session:
            return trial_counts(session, draft_id)

    def rebase(self, actor: Principal, draft_id: str) -> Draft:
        """Build upon the revision in force now, after a look at the difference; approvals end."""
        number = self.revisions.number()
        with self._changing(draft_id, "draft", "proposed", "approved") as (session, row):
            row.base, row.state, row.approver, row.problem = number, "draft", "", ""
            self._record(session, AuditAction.POLICY_DRAFTED, actor, row)
            return drafts.value(row)

    def propose(self, actor: Principal, draft_id: str) -> Draft:
        """Ask somebody else to approve it."""
        with self._changing(draft_id, "draft") as (session, row):
            _sound(row.files)
            row.state = "proposed"
            self._record(session, AuditAction.POLICY_PROPOSED, actor, row)
            return drafts.value(row)

    def approve(self, actor: Principal, draft_id: str) -> Draft:
        """The second person's yes. Forbidden to the author."""
        with self._changing(draft_id, "proposed") as (session, row):
            if actor.user_id == row.author:
                raise Forbidden(N_("Somebody else than the author approves a draft."))
            row.state, row.approver = "approved", actor.user_id
            self._record(session, AuditAction.POLICY_APPROVED, actor, row)
            return drafts.value(row)

    def discard(self, actor: Principal, draft_id: str) -> None:
        with self._changing(draft_id, *OPEN_STATES) as (session, row):
            row.state = "discarded"
            self._record(session, AuditAction.POLICY_DISCARDED, actor, row)
        self.follow()

    def try_out(self, actor: Principal, draft_id: str) -> Draft:
        """Report only: from now on requests are decided by it as well, and differences recorded."""
        with self._changing(draft_id, "draft", "proposed", "approved") as (session, row):
            _sound(row.files)
            for other in drafts.in_state(session, "trial"):
                other.state = "draft"
            row.state = "trial"
            self._record(session, AuditAction.POLICY_TRIED, actor, row)
            made = drafts.value(row)
        self.follow()
        return made

    def end_trial(self, actor: Principal, draft_id: str) -> Draft:
        with self._changing(draft_id, "trial") as (session, row):
            row.state = "draft"
            self._record(session, AuditAction.POLICY_DRAFTED, actor, row)
            made = drafts.value(row)
        self.follow()
        return made

    def activate(self, actor: Principal, draft_id: str) -> Revision:
        """Bring a draft into force now."""
        draft = self.draft(draft_id)
        self._may_come(draft)
        return self._activate(actor, draft)

    def schedule(self, actor: Principal, draft_id: str, at: datetime) -> Draft:
        """Bring a draft into force at a time to come."""
        self._may_come(self.draft(draft_id))
        if at <= self._clock.now():
            raise InvalidInput(N_("This time has passed. Give one to come, or activate now."), field="at")
        with self._changing(draft_id, "draft", "approved", "trial") as (session, row):
            self._guard(actor, row.author, row.approver)(session, _sound(row.files))
            row.state, row.activate_at = "scheduled", at
            self._record(session, AuditAction.POLICY_SCHEDULED, actor, row)
            return drafts.value(row)

    def apply(
        self, actor: Principal, texts: Texts, note: str, expected: int | None = None, approver: str = ""
    ) -> Revision:
        """Bring a whole set of files into force (the command line's way). Conflict when overtaken."""
        number = self.revisions.number() if expected is None else expected
        if self.revisions.active.access.activation.second_person and approver in ("", actor.user_id):
            raise Forbidden(
                N_("Somebody else must approve this: name them with --approver, or begin with a draft.")
            )
        return self.revisions.activate(
            actor, texts, number, note=_note(note), approver=approver, guard=self._guard(actor)
        )

    def roll_back(self, actor: Principal, number: int, expected: int) -> Revision:
        """A new revision equal to an old one, but for where the product may dial."""
        texts = self.revisions.texts(number)
        current = self.revisions.texts(expected)
        if CLOSED_FILE in current and actor.kind != "system":
            texts = {**texts, CLOSED_FILE: current[CLOSED_FILE]}
        return self.revisions.activate(
            actor, texts, expected, note=f"= {number}", guard=self._guard(actor),
            action=AuditAction.POLICY_ROLLED_BACK,
        )  # fmt: skip

    def follow(self) -> None:
        """Do what is due and follow what others did: called twice a second by the product."""
        with self._database.read() as session:
            due = [drafts.value(row) for row in drafts.in_state(session, "scheduled")]
            trial = next((drafts.value(row) for row in drafts.in_state(session, "trial")), None)
        for draft in due:
            if draft.activate_at is not None and draft.activate_at <= self._clock.now():
                self._activate_due(draft)
        self.revisions.refresh()
        if trial is None:
            self._active.trial = None
        elif self._active.trial is None or self._active.trial.key != (trial.id, trial.updated_at):
            policy = validated(trial.files, "draft")[0]
            self._active.try_out((trial.id, trial.updated_at), policy)

    def _activate_due(self, draft: Draft) -> None:
        try:
            self._activate(SYSTEM, draft)
        except NaesilError as error:
            with self._database.write() as session:
                row = _row(session, draft.id)
                row.state, row.problem = "draft", str(error)[:500]
                self._record(session, AuditAction.POLICY_NOT_ACTIVATED, SYSTEM, row, Outcome.FAILED)

    def _activate(self, actor: Principal, draft: Draft) -> Revision:
        def done(session: Session) -> None:
            row = _row(session, draft.id)
            if row.updated_at != draft.updated_at:
                raise Conflict(N_("This draft was changed in the meantime. Look at it and try again."))
            row.state, row.updated_at = "activated", self._clock.now()

        return self.revisions.activate(
            actor, draft.files, draft.base, note=draft.note, approver=draft.approver,
            guard=self._guard(actor, draft.author, draft.approver), also=done,
        )  # fmt: skip

    def _may_come(self, draft: Draft) -> None:
        if draft.state not in ("draft", "approved", "trial"):
            raise Conflict(N_("This draft cannot be activated in its present state."))
        if self.revisions.active.access.activation.second_person and draft.state != "approved":
            raise Forbidden(N_("Somebody else than the author must approve this draft first."))

    def _guard(
        self, actor: Principal, author: str = "", approver: str = ""
    ) -> Callable[[Session, PolicySet], None]:
        people = [
            Principal(one.id, "user", roles=one.roles, groups=self._identity.groups.of(one.id))
            for one in self._identity.accounts.list()
            if not one.disabled
        ]
        makers = {author, actor.user_id}
        if approver and approver != author:
            makers = set()
        return guard(actor, makers, people, self.revisions.active)

    @contextmanager
    def _changing(self, draft_id: str, *states: str) -> Iterator[tuple[Session, DraftRow]]:
        with self._database.write() as session:
            row = _row(session, draft_id)
            if row.state not in states:
                raise Conflict(N_("This draft cannot be changed in its present state."))
            row.updated_at = self._clock.now()
            yield session, row

    def _record(
        self,
        session: Session,
        action: AuditAction,
        actor: Principal,
        row: DraftRow,
        outcome: Outcome = Outcome.ALLOWED,
    ) -> None:
        entry = Entry(action=action, actor=actor, outcome=outcome, object=f"draft:{row.id}", task="policy")
        self._audit.append(session, entry)


def _row(session: Session, draft_id: str) -> DraftRow:
    row = drafts.find(session, draft_id)
    if row is None:
        raise NotFound(N_("There is no such draft."))
    return row


def _sound(texts: Texts) -> PolicySet:
    policy, problems = validated(texts, "draft")
    if policy is None:
        raise problems[0]
    return policy


def _note(note: str) -> str:
    return " ".join(note.split())[:LONGEST_NOTE]
