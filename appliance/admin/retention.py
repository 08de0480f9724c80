"""Destroying what is past its date: a preview, the act in small transactions, a certificate.

With a conversation goes its key, and with that every copy of its texts; the rows are deleted
(SQLite overwrites them: secure_delete). Each batch is durable by itself, so a
crash in the middle leaves some destroyed and the rest for the next run; the entry of each batch is
in its transaction, and the last entry of a run is the certificate.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.audit import content
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.errand import Errand, State
from appliance.audit.log import AuditLog
from appliance.chat.library import Library
from appliance.clock import Clock
from appliance.core import DataClass, Outcome, Principal
from appliance.errors import N_, Conflict
from appliance.identity.house import Identity
from appliance.policy import decisions
from appliance.policy.active import ActivePolicy
from appliance.policy.holds import Holds, held_in
from appliance.policy.retention import Kept, RetentionRule
from appliance.storage.engine import Database

BATCH = 100


@dataclass(frozen=True, slots=True)
class Due:
    """What would be destroyed now: of one person, or decisions of everybody (`user_id` "")."""

    keeps: str
    user_id: str
    rule: str
    before: datetime
    count: int
    held: bool = False
    data_class: DataClass = DataClass.OPEN


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a run destroyed. `entry_id` is the audit entry that proves when and by whom.

    `keys_destroyed` is less than `conversations` when some were begun before each had a key.
    """

    entry_id: str
    destroyed_at: datetime
    conversations: int
    decisions: int
    keys_destroyed: int
    held_back: int
    policy_revision: str


class RetentionJob:
    """The service. Synchronous: belongs in the thread pool."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        identity: Identity,
        library: Library,
        policy: ActivePolicy,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._identity = identity
        self._library = library
        self._policy = policy
        self.holds = Holds(database, audit, clock)
        self._errand = Errand("retention")

    @property
    def state(self) -> State:
        """How far a run that was started has come; its `result` is a Certificate."""
        return self._errand.state

    def start(self, actor: Principal, confirmed: int) -> None:
        """Destroy in the background what a preview listed. Conflict when that is another number by now."""
        self.confirm(confirmed)
        self._errand.start(lambda progress: self.run(actor, progress))

    def confirm(self, number: int) -> None:
        """Conflict when so many things are not what would be destroyed now."""
        if number != number_of(self.preview()):
            raise Conflict(
                N_("This is not the number of things that would be destroyed. Look at the list again.")
            )

    def look(self, actor: Principal) -> list[Due]:
        """The preview for a person, on record: it tells how much others have."""
        with self._database.write(shared=True) as session:
            entry = self._entry(actor, "retention:preview", "", "", AuditAction.RETENTION_READ)
            self._audit.append(session, entry)
        return self.preview()

    def rule_of(self, groups: frozenset[str], data_class: DataClass) -> RetentionRule | None:
        """The rule for conversations of this class of somebody in these groups."""
        return self._policy.current.parts.retention.rule_for(Kept.CONVERSATION, groups, data_class)

    def preview(self) -> list[Due]:
        """Everything that is past its date, what a hold keeps included."""
        now = self._clock.now()
        held = {hold.user_id for hold in self.holds.list()}
        found: list[Due] = []
        for user_id, data_class, oldest in self._library.oldest_use():
            rule = self.rule_of(self._identity.groups.of(user_id), data_class)
            if rule is None or oldest >= (before := now - timedelta(days=rule.days)):
                continue
            count = self._library.count_before(user_id, data_class, before)
            found.append(Due(Kept.CONVERSATION, user_id, rule.id, before, count, user_id in held, data_class))
        if (rule := self._decision_rule()) is not None:
            before = now - timedelta(days=rule.days)
            with self._database.read() as session:
                count = decisions.count_before(session, before)
            if count:
                found.append(Due(Kept.DECISION, "", rule.id, before, count))
        return found

    def run(
        self, actor: Principal, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> Certificate:
        """Destroy it. `progress` is told (done, all) after each batch."""
        due = self.preview()
        total = number_of(due)
        destroyed, keys = {Kept.CONVERSATION: 0, Kept.DECISION: 0}, 0
        for one in due:
            while (removed := self._batch(actor, one)).number:
                destroyed[Kept(one.keeps)] += removed.number
                keys += removed.keys
                progress(sum(destroyed.values()), total)
        held_back = sum(one.count for one in due if one.held)
        conversations, decided = destroyed[Kept.CONVERSATION], destroyed[Kept.DECISION]
        counts = f"conversations {conversations} decisions {decided} keys destroyed {keys}"
        reason = f"{counts} held back {held_back}"
        with self._database.write() as session:
            entry_id = self._audit.append(session, self._entry(actor, "retention:run", "", reason))
        self._database.scrub()
        return Certificate(
            entry_id, self._clock.now(), conversations, decided, keys, held_back,
            self._policy.current.revision,
        )  # fmt: skip

    def run_if_due(self, actor: Principal) -> Certificate | None:
        """The daily run; nothing is recorded when there is nothing to destroy."""
        return self.run(actor) if number_of(self.preview()) else None

    def drop_sealed(self, actor: Principal) -> int:
        """Destroy the texts sealed for auditors whose days are over, person by person; what a hold
        keeps stays. How many there were."""
        days = self._policy.current.parts.audit.sealed_days
        before = self._clock.now() - timedelta(days=days)
        with self._database.read() as session:
            concerned = content.subjects_before(session, before)
        return sum(self._drop_sealed(actor, user_id, before) for user_id, _ in concerned)

    def _drop_sealed(self, actor: Principal, user_id: str, before: datetime) -> int:
        with self._database.write() as session:
            if held_in(session, user_id) or not (dropped := content.drop_before(session, user_id, before)):
                return 0
            reason = f"texts {dropped} before {before.date().isoformat()}"
            entry = self._entry(actor, f"user:{user_id}", user_id, reason, action=AuditAction.CONTENT_DROPPED)
            self._audit.append(session, entry)
            return dropped

    def _batch(self, actor: Principal, due: Due) -> "_Batch":
        with self._database.write() as session:
            if due.keeps == Kept.DECISION:
                removed = decisions.remove_before(session, due.before, BATCH)
                if removed:
                    reason = f"{due.rule} decisions {removed} before {due.before.date().isoformat()}"
                    self._audit.append(session, self._entry(actor, "policy:decisions", "", reason))
                return _Batch(removed)
            if held_in(session, due.user_id):
                return _Batch(0)
            gone = self._library.destroy_before_in(session, due.user_id, due.data_class, due.before, BATCH)
            if gone.conversations:
                unused = f"unused since {due.before.date().isoformat()}"
                counts = f"conversations {gone.conversations} class {due.data_class} {unused}"
                reason = f"{due.rule} {counts} keys destroyed {gone.keys}"
                self._audit.append(session, self._entry(actor, f"user:{due.user_id}", due.user_id, reason))
            return _Batch(gone.conversations, gone.keys)

    def _decision_rule(self) -> RetentionRule | None:
        rules = self._policy.current.parts.retention
        return rules.rule_for(Kept.DECISION, (), DataClass.OPEN)

    def _entry(
        self,
        actor: Principal,
        what: str,
        subject: str,
        reason: str,
        action: AuditAction = AuditAction.RETENTION_RUN,
    ) -> Entry:
        return Entry(
            action=action,
            actor=actor,
            outcome=Outcome.ALLOWED,
            object=what,
            subject=subject,
            task="retention",
            reason=reason,
            policy_revision=self._policy.current.revision,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """How many things a transaction destroyed, and how many keys with them."""

    number: int
    keys: int = 0


def number_of(due: Iterable[Due]) -> int:
    """How many things would be destroyed: what is held is not."""
    return sum(one.count for one in due if not one.held)
