"""What has been admitted and not yet settled, so that a crash forgets nobody; and what answers cost."""

from datetime import datetime

from sqlalchemy import Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.storage.base import Base


class AdmissionRow(Base):
    """One request between its admission and its settlement. Identity only, no content."""

    __tablename__ = "admissions"

    answer_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str]
    user_id: Mapped[str]
    credential_kind: Mapped[str]
    credential_id: Mapped[str]
    origin: Mapped[str]
    object: Mapped[str]
    admitted_at: Mapped[datetime]


class UsageRow(Base):
    """One answer. `key_id` is "" in the browser; `work_s` is what the model spent, in seconds.

    `state` is how it ended, `first_token_s` how long the reader waited for the first word.
    """

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
    state: Mapped[str] = mapped_column(server_default="done", default="done")
    first_token_s: Mapped[float | None]


def add(session: Session, row: AdmissionRow) -> None:
    session.add(row)


def remove(session: Session, answer_id: str) -> bool:
    """Whether the admission was still open; False means that somebody settled it before."""
    result = session.execute(delete(AdmissionRow).where(AdmissionRow.answer_id == answer_id))
    return bool(getattr(result, "rowcount", 0))


def unsettled(session: Session) -> list[AdmissionRow]:
    """Everything a former process admitted and did not live to settle, oldest first."""
    return list(session.scalars(select(AdmissionRow).order_by(AdmissionRow.admitted_at)))
