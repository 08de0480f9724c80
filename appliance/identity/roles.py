"""Who gets which role. Nobody changes their own, and nobody alone makes or unmakes an auditor.

A change that touches the auditor's role waits for a second person: neither who asked nor whom
it is about. The operator at the machine's command line is a person of their own here.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal, Role
from appliance.errors import N_, Conflict, Forbidden, InvalidInput, NotFound
from appliance.identity import store
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """Roles that somebody should have, waiting for a second person's word."""

    id: str
    user_id: str
    user_name: str
    roles: frozenset[str]
    asked_by: str
    asked_at: datetime


class Roles:
    """The service. Every method is one short transaction."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, policy: ActivePolicy) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._policy = policy

    def known(self) -> tuple[str, ...]:
        """Every role the policy in force knows."""
        return self._policy.current.roles

    def set(self, actor: Principal, user_id: str, roles: frozenset[str]) -> bool:
        """Give the account exactly these roles; False when a second person must agree first.

        Raises Forbidden for one's own roles, InvalidInput for an unknown role, Conflict for the
        last administrator's, NotFound for an unknown account.
        """
        if unknown := sorted(roles - set(self.known())):
            raise InvalidInput(N_("There is no role '%(role)s'."), field="roles", role=unknown[0])
        with self._database.write() as session:
            row = _not_oneself(session, actor, user_id)
            if Role.AUDITOR in roles ^ frozenset(row.roles):
                store.remove_role_requests(session, user_id)
                session.add(
                    store.RoleRequestRow(
                        id=new_id(),
                        user_id=user_id,
                        roles=sorted(roles),
                        asked_by=actor.user_id,
                        asked_at=self._clock.now(),
                    )
                )
                self._record(session, AuditAction.ROLES_ASKED, actor, user_id, roles)
                return False
            self._give(session, actor, row, roles)
            return True

    def requests(self) -> list[RoleRequest]:
        """What waits for a second person, oldest first."""
        with self._database.read() as session:
            return [
                RoleRequest(
                    row.id, row.user_id, session.get_one(store.UserRow, row.user_id).name,
                    frozenset(row.roles), row.asked_by, row.asked_at,
                )
                for row in store.role_requests(session)
            ]  # fmt: skip

    def agree(self, actor: Principal, request_id: str) -> None:
        """The second person's yes. Forbidden for who asked and for whom it is about."""
        with self._database.write() as session:
            request = _request(session, request_id)
            row = _not_oneself(session, actor, request.user_id)
            if actor.user_id == request.asked_by:
                raise Forbidden(N_("You asked for this yourself. Somebody else has to agree."))
            roles = frozenset(request.roles)
            self._give(session, actor, row, roles)

    def decline(self, actor: Principal, request_id: str) -> None:
        """Anybody's no, also that of who asked."""
        with self._database.write() as session:
            request = _request(session, request_id)
            session.delete(request)
            self._record(
                session, AuditAction.ROLES_DECLINED, actor, request.user_id, frozenset(request.roles)
            )

    def _give(self, session: Session, actor: Principal, row: store.UserRow, roles: frozenset[str]) -> None:
        others = [admin for admin in store.administrators(session) if admin.id != row.id]
        if Role.ADMINISTRATOR in row.roles and Role.ADMINISTRATOR not in roles and not others:
            raise Conflict(N_("'%(name)s' is the last administrator. Make another one first."), name=row.name)
        row.roles = sorted(roles)
        store.remove_role_requests(session, row.id)
        store.end_sessions(session, row.id)  # what an open page still offers would be the old rights'
        self._record(session, AuditAction.ROLES_SET, actor, row.id, roles)

    def _record(
        self, session: Session, action: AuditAction, actor: Principal, user_id: str, roles: frozenset[str]
    ) -> None:
        self._audit.append(
            session,
            Entry(
                action=action,
                actor=actor,
                outcome=Outcome.ALLOWED,
                object=f"user:{user_id}",
                subject=user_id,
                task="identity",
                reason=" ".join(sorted(roles)),
            ),
        )


def _not_oneself(session: Session, actor: Principal, user_id: str) -> store.UserRow:
    if actor.user_id == user_id:
        raise Forbidden(N_("Nobody changes their own roles. Ask another administrator."))
    row = session.get(store.UserRow, user_id)
    if row is None:
        raise NotFound(N_("There is no such user."))
    return row


def _request(session: Session, request_id: str) -> store.RoleRequestRow:
    row = session.get(store.RoleRequestRow, request_id)
    if row is None:
        raise NotFound(N_("This request was decided before."))
    return row
