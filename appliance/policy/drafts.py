"""Drafts of the next revision as values, and the rows behind them for the one service that changes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.policy import store
from appliance.policy.store import OPEN_STATES, DecisionRow, DraftRow

__all__ = [
    "OPEN_STATES", "DecisionRow", "Draft", "DraftRow", "decisions_since", "find", "in_state", "new",
    "open_ones", "value",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A set of files that may become a revision.

    `state`: draft, proposed (waits for a second person), approved, scheduled, trial (report only).
    `problem` says why it could not be activated at its time.
    """

    id: str
    base: int
    files: Mapping[str, str]
    author: str
    approver: str
    note: str
    state: str
    activate_at: datetime | None
    problem: str
    created_at: datetime
    updated_at: datetime


def value(row: DraftRow) -> Draft:
    return Draft(
        row.id,
        row.base,
        dict(row.files),
        row.author,
        row.approver,
        row.note,
        row.state,
        row.activate_at,
        row.problem,
        row.created_at,
        row.updated_at,
    )


def new(
    session: Session, draft_id: str, base: int, files: Mapping[str, str], author: str, note: str, at: datetime
) -> DraftRow:
    row = DraftRow(
        id=draft_id,
        base=base,
        files=dict(files),
        author=author,
        approver="",
        note=note,
        state="draft",
        activate_at=None,
        problem="",
        created_at=at,
        updated_at=at,
    )
    session.add(row)
    return row


def find(session: Session, draft_id: str) -> DraftRow | None:
    return store.draft(session, draft_id)


def open_ones(session: Session) -> list[DraftRow]:
    return store.open_drafts(session)


def in_state(session: Session, state: str) -> list[DraftRow]:
    return store.drafts_in(session, state)


def decisions_since(session: Session, since: datetime) -> Iterator[DecisionRow]:
    return store.decisions_since(session, since)
