"""What answers cost: one row each, written as it is settled; summed by person and key for reading."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.completions import store
from appliance.completions.quota import MINUTE_S, Before
from appliance.completions.values import Admitted, Reply
from appliance.core import Outcome, Principal
from appliance.storage.engine import Database

SHOWN_DAYS = 30
KEPT_DAYS = 400  # a year and its comparison with the one before


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What one person used with one key, or in the browser (`key_id` "")."""

    user_id: str
    key_id: str
    requests: int
    prompt_tokens: int
    completion_tokens: int
    work_s: float


def add(session: Session, admitted: Admitted, reply: Reply, at: datetime) -> None:
    """In the transaction that settles the answer."""
    principal = admitted.ask.principal
    session.add(
        store.UsageRow(
            answer_id=admitted.answer_id,
            user_id=principal.user_id,
            key_id=principal.credential_id if principal.kind == "key" else "",
            object=admitted.ask.object.partition(":")[0],
            at=at,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            work_s=reply.work_s,
            state=reply.state,
            first_token_s=reply.first_token_s,
        )
    )


def add_lost(session: Session, row: store.AdmissionRow) -> None:
    """What a former process promised counts as one request, asked when it was; its tokens are unknown."""
    session.add(
        store.UsageRow(
            answer_id=row.answer_id,
            user_id=row.user_id,
            key_id=row.credential_id if row.credential_kind == "key" else "",
            object=row.object.partition(":")[0],
            at=row.admitted_at,
            prompt_tokens=0,
            completion_tokens=0,
            work_s=0.0,
            state="failed",
        )
    )


def used(session: Session, user_id: str, day: datetime, now: datetime) -> Before:
    """What this person's settled answers used since the day began, and in the last minute."""
    row = store.UsageRow
    tokens = row.prompt_tokens + row.completion_tokens
    theirs = row.user_id == user_id
    query = select(func.count(), func.coalesce(func.sum(tokens), 0)).where(row.at >= day, theirs)
    requests, in_all = session.execute(query).one()
    minute = select(row.at, tokens).where(row.at > now - timedelta(seconds=MINUTE_S), theirs).order_by(row.at)
    recent = tuple((max(0.0, (now - at).total_seconds()), int(cost)) for at, cost in session.execute(minute))
    return Before(int(requests), int(in_all), recent)


def ends_since(session: Session, since: datetime) -> dict[str, int]:
    """How many answers ended in each state from then on."""
    row = store.UsageRow
    query = select(row.state, func.count().label("number")).where(row.at >= since).group_by(row.state)
    return {one.state: one.number for one in session.execute(query)}


def first_tokens(session: Session, since: datetime, most: int) -> list[float]:
    """How long people waited for the first word of the newest `most` answers from then on, in seconds."""
    row = store.UsageRow
    query = select(row.first_token_s).where(row.at >= since, row.first_token_s.is_not(None))
    return [wait for wait in session.scalars(query.order_by(row.at.desc()).limit(most)) if wait is not None]


def prune(session: Session, now: datetime) -> None:
    """Forget what is older than KEPT_DAYS."""
    session.execute(delete(store.UsageRow).where(store.UsageRow.at < now - timedelta(days=KEPT_DAYS)))


class UsageReport:
    """Sums of the last SHOWN_DAYS days."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def own(self, user_id: str) -> list[UsageSum]:
        """One person's, the key used most first."""
        with self._database.read() as session:
            return _sums(session, self._since(), user_id)

    def everybody(self, reader: Principal) -> list[UsageSum]:
        """All people's; that somebody looked is recorded."""
        with self._database.write() as session:
            entry = Entry(
                action=AuditAction.USAGE_READ,
                actor=reader,
                outcome=Outcome.ALLOWED,
                object="usage:all",
                task="usage",
            )
            self._audit.append(session, entry)
            return _sums(session, self._since(), None)

    def _since(self) -> datetime:
        return self._clock.now() - timedelta(days=SHOWN_DAYS)


def _sums(session: Session, since: datetime, user_id: str | None) -> list[UsageSum]:
    tokens = func.sum(store.UsageRow.prompt_tokens), func.sum(store.UsageRow.completion_tokens)
    query = (
        select(
            store.UsageRow.user_id,
            store.UsageRow.key_id,
            func.count(),
            *tokens,
            func.sum(store.UsageRow.work_s),
        )
        .where(store.UsageRow.at >= since)
        .group_by(store.UsageRow.user_id, store.UsageRow.key_id)
        .order_by(func.count().desc(), store.UsageRow.user_id, store.UsageRow.key_id)
    )
    if user_id is not None:
        query = query.where(store.UsageRow.user_id == user_id)
    return [UsageSum(*row) for row in session.execute(query)]
