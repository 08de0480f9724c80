"""Legal holds: people whose conversations nothing may destroy until the hold is lifted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.storage.base import Base
from appliance.storage.engine import Database

LONGEST_REASON = 300


class HoldRow(Base):
    """That one person's conversations are kept whatever the rules say."""

    __tablename__ = "legal_holds"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class Hold:
    user_id: str
    reason: str
    placed_by: str
    placed_at: datetime


class Holds:
    """The service. Every method is one short transaction; each change is in the log."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def list(self) -> list[Hold]:
        with self._database.read() as session:
            rows = session.scalars(select(HoldRow).order_by(HoldRow.placed_at))
            return [Hold(row.user_id, row.reason, row.placed_by, row.placed_at) for row in rows]

    def place(self, actor: Principal, user_id: str, reason: str) -> None:
        """Keep everything of this person from now on. Conflict when a hold is there already."""
        reason = " ".join(reason.split())
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise InvalidInput(
                N_("Give the reason of the hold in at most %(most)d characters."),
                field="reason",
                most=LONGEST_REASON,
            )
        with self._database.write() as session:
            if session.get(HoldRow, user_id) is not None:
                raise Conflict(N_("There is a hold on this person already."))
            row = HoldRow(
                user_id=user_id, reason=reason, placed_by=actor.user_id, placed_at=self._clock.now()
            )
            session.add(row)
            self._audit.append(session, _entry(AuditAction.HOLD_PLACED, actor, user_id, reason))

    def lift(self, actor: Principal, user_id: str) -> None:
        """Let the rules apply again. NotFound without a hold."""
        with self._database.write() as session:
            row = session.get(HoldRow, user_id)
            if row is None:
                raise NotFound(N_("There is no hold on this person."))
            session.delete(row)
            self._audit.append(session, _entry(AuditAction.HOLD_LIFTED, actor, user_id, ""))


def held_in(session: Session, user_id: str) -> bool:
    """Whether a hold is on this person, in the caller's transaction."""
    return session.get(HoldRow, user_id) is not None


def refuse_if_held(session: Session, user_id: str) -> None:
    """Conflict for whoever wants to destroy what is held."""
    if held_in(session, user_id):
        raise Conflict(
            N_("A legal hold keeps these conversations. They cannot be deleted until it is lifted.")
        )


def _entry(action: AuditAction, actor: Principal, user_id: str, reason: str) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"user:{user_id}",
        subject=user_id,
        task="retention",
        reason=reason,
    )
