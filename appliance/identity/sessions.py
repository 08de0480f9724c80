"""Browser sessions: known by a token, ended by time, by hand, or all of one person's at once.

How long they last is policy (access.yaml, `sign_in`). A session is opened by the door (door.py)
and nowhere else.
"""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome, Principal
from appliance.errors import N_, NotFound, StorageFailed
from appliance.identity import store
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database

TOUCH_EVERY = timedelta(minutes=1)
EMERGENCY = "emergency"
EMERGENCY_LASTS = timedelta(hours=1)
SECOND_FACTOR_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser as its owner sees it."""

    id: str
    origin: str
    created_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class KnownSession:
    """Whose a token is and what the session has proven.

    `pending`: the password only, the code is still awaited. `second_factor_due`: the policy wants
    one for this role and there is none. `confirmed`: a proof of identity so fresh that dangerous
    acts need no other.
    """

    principal: Principal
    pending: bool
    must_change_password: bool
    second_factor_due: bool
    confirmed: bool


class Sessions:
    """The service. Every method is one short transaction but `open_in`, which joins the caller's."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, policy: ActivePolicy) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._policy = policy

    def known(self, token: str, origin: str) -> KnownSession | None:
        """Whose this token is; None when it is unknown or its time is over."""
        now = self._clock.now()
        with self._database.read() as session:
            found = store.session_by_hash(session, _hash(token))
            if found is None:
                return None
            row, user = found
            if user.disabled or self._over(row, user.kind):
                return None
            groups = store.group_names_of(session, user.id)
            known = KnownSession(
                Principal(user.id, "user", row.id, origin, frozenset(user.roles), groups),
                row.pending,
                user.must_change,
                self._second_factor_due(session, user),
                row.confirmed_at is not None and now - row.confirmed_at <= self._fresh(),
            )
            touch = now - row.used_at > TOUCH_EVERY
        if touch:
            with suppress(StorageFailed):  # a full disk stops new work, not looking at the old
                self._touch(row.id, now)
        return known

    def authenticate(self, token: str, origin: str) -> Principal | None:
        """Who acts with this token; None for a token that has not proven everything yet."""
        known = self.known(token, origin)
        return None if known is None or known.pending else known.principal

    def list(self, user_id: str) -> list[OpenSession]:
        """Where this person is signed in, the last used first."""
        with self._database.read() as session:
            return [
                OpenSession(row.id, row.origin, row.created_at, row.used_at)
                for row in store.sessions_of(session, user_id)
                if not row.pending and not self._over(row)
            ]

    def end(self, actor: Principal, user_id: str, session_id: str) -> None:
        """End a session of this user. NotFound for a missing one and for somebody else's."""
        with self._database.write() as session:
            row = session.get(store.SessionRow, session_id)
            if row is None or row.user_id != user_id:
                raise NotFound(N_("There is no such session."))
            store.end_session(session, row.id)
            self._audit.append(session, _entry(AuditAction.LOGOUT, actor, row.id, user_id))

    def end_all(self, actor: Principal, user_id: str, *, but: str = "") -> int:
        """End every session of this user except `but`; how many ended."""
        with self._database.write() as session:
            rows = [row for row in store.sessions_of(session, user_id) if row.id != but]
            for row in rows:
                store.end_session(session, row.id)
                self._audit.append(session, _entry(AuditAction.LOGOUT, actor, row.id, user_id))
            return len(rows)

    def sign_out(self, principal: Principal) -> None:
        """End this principal's own session; nothing happens when it has ended already."""
        with suppress(NotFound):
            self.end(principal, principal.user_id, principal.credential_id)

    def open_in(
        self, session: Session, user: store.UserRow, origin: str, *, pending: bool
    ) -> tuple[Principal, str]:
        """A fresh session for this account and its token, in the caller's transaction."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        for old in store.sessions_of(session, user.id):
            if self._over(old):
                store.end_session(session, old.id)
                self._audit.append(session, _entry(AuditAction.LOGOUT, SYSTEM, old.id, user.id, "expired"))
        row = store.SessionRow(
            id=new_id(),
            user_id=user.id,
            token_hash=_hash(token),
            origin=origin,
            created_at=now,
            used_at=now,
            pending=pending,
            confirmed_at=None if pending else now,
        )
        session.add(row)
        principal = Principal(user.id, "user", row.id, origin, frozenset(user.roles))
        if not pending:
            user.last_sign_in_at = now
            self._audit.append(session, _entry(AuditAction.LOGIN, principal, row.id, user.id))
        return principal, token

    def _over(self, row: store.SessionRow, kind: str = "") -> bool:
        now, limits = self._clock.now(), self._policy.current.access.sign_in
        longest = EMERGENCY_LASTS if kind == EMERGENCY else timedelta(hours=limits.absolute_hours)
        if row.pending:
            longest = SECOND_FACTOR_WITHIN
        return now - row.used_at > timedelta(minutes=limits.idle_minutes) or now - row.created_at > longest

    def _second_factor_due(self, session: Session, user: store.UserRow) -> bool:
        demanded = self._policy.current.access.sign_in.second_factor
        if user.totp_secret is not None or frozenset(demanded).isdisjoint(user.roles):
            return False
        return not store.passkeys_of(session, user.id)

    def _fresh(self) -> timedelta:
        return timedelta(minutes=self._policy.current.access.sign_in.confirm_minutes)

    def _touch(self, session_id: str, now: datetime) -> None:
        with self._database.write() as session:
            if (row := session.get(store.SessionRow, session_id)) is not None:
                row.used_at = now


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(action: AuditAction, actor: Principal, session_id: str, user_id: str, reason: str = "") -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"session:{session_id}",
        subject=user_id,
        task="identity",
        reason=reason,
    )
