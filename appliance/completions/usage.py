"""What answers cost: one row each, written as it is settled; summed by person and key for reading."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.completions.values import Admitted, Reply
from appliance.core import Outcome, Principal
from appliance.storage.base import Base
from appliance.storage.engine import Database

KEPT_DAYS = 30


class UsageRow(Base):
    """One answer. `key_id` is "" in the browser; `work_s` is what the model spent, in seconds."""

    __tablename__ = "usage"
    __table_args__ = (Index("ix_usage_at_user_id", "at", "user_id"),)

    answer_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    key_id: Mapped[str]
    object: Mapped[str]
    at: Mapped[datetime]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    work_s: Mapped[float]


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
        UsageRow(
            answer_id=admitted.answer_id,
            user_id=principal.user_id,
            key_id=principal.credential_id if principal.kind == "key" else "",
            object=admitted.ask.object.partition(":")[0],
            at=at,
            prompt_tokens=reply.usage.prompt_tokens,
            completion_tokens=reply.usage.completion_tokens,
            work_s=reply.work_s,
        )
    )


class UsageReport:
    """Sums of the last KEPT_DAYS days."""

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
        return self._clock.now() - timedelta(days=KEPT_DAYS)


def _sums(session: Session, since: datetime, user_id: str | None) -> list[UsageSum]:
    tokens = func.sum(UsageRow.prompt_tokens), func.sum(UsageRow.completion_tokens)
    query = (
        select(UsageRow.user_id, UsageRow.key_id, func.count(), *tokens, func.sum(UsageRow.work_s))
        .where(UsageRow.at >= since)
        .group_by(UsageRow.user_id, UsageRow.key_id)
        .order_by(func.count().desc(), UsageRow.user_id, UsageRow.key_id)
    )
    if user_id is not None:
        query = query.where(UsageRow.user_id == user_id)
    return [UsageSum(*row) for row in session.execute(query)]
