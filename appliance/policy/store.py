"""The rows of revisions, drafts and decisions. Only policy imports this."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import JSON, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base

BATCH = 1000
OPEN_STATES = ("draft", "proposed", "approved", "scheduled", "trial")


class RevisionRow(Base):
    """One revision that was in force from `activated_at` on. The highest number is in force now."""

    __tablename__ = "policy_revisions"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content_hash: Mapped[str]
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    author: Mapped[str]
    approver: Mapped[str]
    note: Mapped[str]
    activated_at: Mapped[datetime]


class DraftRow(Base):
    """A set of files that may become a revision. `base` is the revision it began from."""

    __tablename__ = "policy_drafts"

    id: Mapped[str] = mapped_column(primary_key=True)
    base: Mapped[int]
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    author: Mapped[str]
    approver: Mapped[str]
    note: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    activate_at: Mapped[datetime | None]
    problem: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DecisionRow(Base):
    """One decision on a request or a reply: who, for what, how much of what was found. Never a text.

    `acted` counts what the outcome is about, by kind; `trial` is the draft that was tried out then and
    `trial_outcome` what it would have decided.
    """

    __tablename__ = "policy_decisions"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(JSON)
    groups: Mapped[list[str]] = mapped_column(JSON)
    permission: Mapped[str]
    model: Mapped[str]
    assistant: Mapped[str]
    data_class: Mapped[str]
    found: Mapped[dict[str, int]] = mapped_column(JSON)
    outcome: Mapped[str]
    rules: Mapped[list[str]] = mapped_column(JSON)
    revision: Mapped[str]
    direction: Mapped[str] = mapped_column(server_default="prompt", default="prompt")
    acted: Mapped[dict[str, int]] = mapped_column(JSON, server_default="{}", default=dict)
    trial: Mapped[str | None] = mapped_column(index=True)
    trial_outcome: Mapped[str | None]


def head_number(session: Session) -> int:
    """The number in force; 0 before the first."""
    return session.scalar(select(func.max(RevisionRow.number))) or 0


def revision(session: Session, number: int) -> RevisionRow | None:
    return session.get(RevisionRow, number)


def revisions(session: Session) -> list[RevisionRow]:
    """All of them, the newest first."""
    return list(session.scalars(select(RevisionRow).order_by(RevisionRow.number.desc())))


def draft(session: Session, draft_id: str) -> DraftRow | None:
    return session.get(DraftRow, draft_id)


def open_drafts(session: Session) -> list[DraftRow]:
    """Those that may still become a revision, the one changed last first."""
    query = select(DraftRow).where(DraftRow.state.in_(OPEN_STATES))
    return list(session.scalars(query.order_by(DraftRow.updated_at.desc(), DraftRow.id)))


def drafts_in(session: Session, state: str) -> list[DraftRow]:
    query = select(DraftRow).where(DraftRow.state == state)
    return list(session.scalars(query.order_by(DraftRow.created_at)))


def decisions_since(session: Session, since: datetime) -> Iterator[DecisionRow]:
    """Every decision from then on, in batches."""
    last = ""
    while True:
        query = select(DecisionRow).where(DecisionRow.at >= since, DecisionRow.id > last)
        rows = list(session.scalars(query.order_by(DecisionRow.id).limit(BATCH)))
        if not rows:
            return
        yield from rows
        last = rows[-1].id
        session.expunge_all()


def acted_since(session: Session, since: datetime) -> Iterator[tuple[str, dict[str, int]]]:
    """Outcome and counts by kind of every decision from then on about which something was done."""
    query = select(DecisionRow.outcome, DecisionRow.acted)
    rows = session.execute(query.where(DecisionRow.at >= since, DecisionRow.outcome != "allowed"))
    return ((outcome, acted) for outcome, acted in rows)


def trial_counts(session: Session, draft_id: str) -> list[tuple[str, str, int]]:
    """(outcome, what the draft on trial would have decided, how often)."""
    pair = (DecisionRow.outcome, DecisionRow.trial_outcome)
    query = select(*pair, func.count()).where(DecisionRow.trial == draft_id).group_by(*pair)
    return [
        (was, would or "", count)
        for was, would, count in session.execute(query.order_by(func.count().desc()))
    ]


def count_decisions_before(session: Session, before: datetime) -> int:
    query = select(func.count()).select_from(DecisionRow).where(DecisionRow.at < before)
    return session.scalar(query) or 0


def remove_decisions_before(session: Session, before: datetime, limit: int) -> int:
    """How many were removed; at most `limit`."""
    oldest = select(DecisionRow.id).where(DecisionRow.at < before).order_by(DecisionRow.at).limit(limit)
    ids = list(session.scalars(oldest))
    session.execute(delete(DecisionRow).where(DecisionRow.id.in_(ids)))
    return len(ids)
