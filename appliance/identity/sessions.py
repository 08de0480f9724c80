"""Browser sessions: opened by a password, known by a token, ended by time or by hand.

Unknown names are checked against a dummy hash: a name nobody has, a wrong password and a
disabled account take the same time and read the same (OWASP ASVS 5.0, 6.3).
"""

import hashlib
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, LimitReached, NotFound, NotSignedIn, StorageFailed
from appliance.identity import passwords, store
from appliance.identity.accounts import Account, account_of, fold
from appliance.identity.lockout import Lockout
from appliance.ids import new_id
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in browser as its owner sees it."""

    id: str
    origin: str
    created_at: datetime
    used_at: datetime


class Sessions:
    """The service. Holds one dummy hash, made at start, for names nobody has.

    Passwords are verified one at a time: no guess slips past the counters beside another,
    and a flood of sign-ins costs one core and the memory of one hash.
    """

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._lockout = Lockout(vault, clock)
        self._dummy = passwords.hash_password(secrets.token_urlsafe())
        self._turn = threading.Lock()

    def sign_in(self, name: str, password: str, origin: str) -> tuple[Account, str]:
        """The account and a fresh session token for its cookie.

        Raises NotSignedIn for a wrong name or password or a disabled account (all alike),
        LimitReached while too many wrong ones came in a row.
        """
        folded = fold(name)
        with self._turn:
            with self._database.read() as session:
                wait = self._lockout.wait(session, folded, origin)
                user = store.user_by_name(session, folded)
            if wait > 0:
                self._refuse(folded, origin, "locked-out")
                raise LimitReached(
                    N_("Too many wrong passwords. Wait %(seconds)d seconds and try again."),
                    retry_after=wait,
                    seconds=wait,
                )
            encoded = self._dummy if user is None else user.password_hash
            if not passwords.matches(encoded, password) or user is None:
                self._refuse(folded, origin, "wrong-credentials")
            elif user.disabled:
                self._refuse(folded, origin, "account-disabled")
            elif (opened := self._open(user.id, origin, encoded)) is not None:
                return opened
        raise NotSignedIn(N_("The name or the password is wrong."))

    def open_for(self, account: Account, origin: str) -> str:
        """A session without a password, right after the first-run set-up made the account."""
        opened = self._open(account.id, origin)
        if opened is None:
            raise NotSignedIn(N_("The name or the password is wrong."))
        return opened[1]

    def authenticate(self, token: str, origin: str) -> Principal | None:
        """Who this token belongs to; None when it is unknown or its time is over."""
        now = self._clock.now()
        with self._database.read() as session:
            found = store.session_by_hash(session, _hash(token))
            if found is None:
                return None
            row, user = found
            if user.disabled or self._over(row):
                return None
            touch = now - row.used_at > TOUCH_EVERY
            groups = store.group_names_of(session, user.id)
            principal = Principal(user.id, "user", row.id, origin, frozenset(user.roles), groups)
        if touch:
            with suppress(StorageFailed):  # a full disk stops new work, not looking at the old
                self._touch(row.id, now)
        return principal

    def list(self, user_id: str) -> list[OpenSession]:
        """Where this person is signed in, the last used first."""
        with self._database.read() as session:
            rows = store.sessions_of(session, user_id)
            return [
                OpenSession(row.id, row.origin, row.created_at, row.used_at)
                for row in rows
                if not self._over(row)
            ]

    def end(self, actor: Principal, user_id: str, session_id: str) -> None:
        """End a session of this user. NotFound for a missing one and for somebody else's."""
        with self._database.write() as session:
            row = session.get(store.SessionRow, session_id)
            if row is None or row.user_id != user_id:
                raise NotFound(N_("There is no such session."))
            store.end_session(session, row.id)
            self._audit.append(session, _entry(AuditAction.LOGOUT, actor, row.id, user_id))

    def sign_out(self, principal: Principal) -> None:
        """End this principal's own session; nothing happens when it has ended already."""
        with suppress(NotFound):
            self.end(principal, principal.user_id, principal.credential_id)

    def _open(self, user_id: str, origin: str, encoded: str = "") -> tuple[Account, str] | None:
        """A session, unless the account was disabled or got another password than `encoded` meanwhile."""
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._database.write() as session:
            user = session.get_one(store.UserRow, user_id)
            if user.disabled or (encoded and user.password_hash != encoded):
                return None
            user.last_sign_in_at = now
            for old in store.sessions_of(session, user_id):
                if self._over(old):
                    store.end_session(session, old.id)
            row = store.SessionRow(
                id=new_id(),
                user_id=user.id,
                token_hash=_hash(token),
                origin=origin,
                created_at=now,
                used_at=now,
            )
            session.add(row)
            self._lockout.succeeded(session, user.folded_name, origin)
            principal = Principal(user.id, "user", row.id, origin)
            self._audit.append(session, _entry(AuditAction.LOGIN, principal, row.id, user.id))
            return account_of(user), token

    def _over(self, row: store.SessionRow) -> bool:
        now = self._clock.now()
        return now - row.used_at > IDLE or now - row.created_at > ABSOLUTE

    def _touch(self, session_id: str, now: datetime) -> None:
        with self._database.write() as session:
            if (row := session.get(store.SessionRow, session_id)) is not None:
                row.used_at = now

    def _refuse(self, folded_name: str, origin: str, reason: str) -> None:
        """Record a refused sign-in, and count it unless the door was locked anyway."""
        with self._database.write() as session:
            if reason != "locked-out":
                self._lockout.failed(session, folded_name, origin)
            self._audit.append(session, self._refusal(session, folded_name, origin, reason))

    def _refusal(self, session: Session, folded_name: str, origin: str, reason: str) -> Entry:
        user = store.user_by_name(session, folded_name)
        user_id = "" if user is None else user.id
        return Entry(
            action=AuditAction.LOGIN_FAILED,
            actor=Principal(user_id, "user", origin=origin),
            outcome=Outcome.REFUSED,
            object=f"user:{user_id}" if user_id else self._vault.pseudonym(folded_name),
            subject=user_id,
            task="identity",
            reason=reason,
        )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(action: AuditAction, actor: Principal, session_id: str, user_id: str) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"session:{session_id}",
        subject=user_id,
        task="identity",
    )
