"""Browser sessions: opened by a password, known by a token, ended by time or by hand.

Wrong passwords cost growing time, counted per account and per origin, so that guessing is
slow and nobody else is delayed. Unknown names are checked against a dummy hash: both kinds
of failure take the same time and read the same (OWASP ASVS 5.0, 6.3).
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal, Role
from appliance.errors import N_, LimitReached, NotSignedIn
from appliance.identity import passwords, store
from appliance.identity.accounts import Account, account_of, fold
from appliance.ids import new_id
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(days=7)
TOUCH_EVERY = timedelta(minutes=1)
FREE_FAILURES = 5
FREE_FAILURES_PER_ORIGIN = 50
LONGEST_WAIT_S = 900
FORGET_FAILURES = timedelta(days=1)


class Sessions:
    """The service. Holds one dummy hash, made at start, for names nobody has."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._dummy = passwords.hash_password(secrets.token_urlsafe())

    def sign_in(self, name: str, password: str, origin: str) -> tuple[Account, str]:
        """The account and a fresh session token for its cookie.

        Raises NotSignedIn for a wrong name or password or a disabled account (all alike),
        LimitReached while too many wrong ones came in a row.
        """
        counters = self._counters(name, origin)
        with self._database.read() as session:
            wait = self._wait(session, counters)
            row = store.user_by_name(session, fold(name))
            encoded = self._dummy if row is None else row.password_hash
        if wait > 0:
            self._record_failure(name, origin, "locked-out")
            raise LimitReached(
                N_("Too many wrong passwords. Wait %(seconds)d seconds and try again."),
                retry_after=wait,
                seconds=wait,
            )
        if not passwords.matches(encoded, password) or row is None or row.disabled:
            self._record_failure(name, origin, "wrong-credentials", counters)
            raise NotSignedIn(N_("The name or the password is wrong."))
        return self._open(row.id, origin, counters)

    def open_for(self, account: Account, origin: str) -> str:
        """A session without a password, right after the first-run set-up made the account."""
        return self._open(account.id, origin, ())[1]

    def authenticate(self, token: str, origin: str) -> Principal | None:
        """Who this token belongs to; None when it is unknown or its time is over."""
        now = self._clock.now()
        with self._database.read() as session:
            found = store.session_by_hash(session, _hash(token))
            if found is None:
                return None
            row, user = found
            if user.disabled or now - row.used_at > IDLE or now - row.created_at > ABSOLUTE:
                return None
            touch = now - row.used_at > TOUCH_EVERY
            roles = frozenset(Role(role) for role in user.roles)
            principal = Principal(user.id, "user", row.id, origin, roles)
        if touch:
            with self._database.write() as session:
                if (kept := session.get(store.SessionRow, principal.credential_id)) is not None:
                    kept.used_at = now
        return principal

    def sign_out(self, principal: Principal) -> None:
        """End this principal's session."""
        with self._database.write() as session:
            store.end_session(session, principal.credential_id)
            self._audit.append(session, _entry(AuditAction.LOGOUT, principal, Outcome.ALLOWED))

    def _open(self, user_id: str, origin: str, counters: tuple[tuple[str, int], ...]) -> tuple[Account, str]:
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._database.write() as session:
            user = session.get_one(store.UserRow, user_id)
            user.last_sign_in_at = now
            row = store.SessionRow(
                id=new_id(),
                user_id=user.id,
                token_hash=_hash(token),
                origin=origin,
                created_at=now,
                used_at=now,
            )
            session.add(row)
            for key, _ in counters[:1]:
                if (failures := session.get(store.FailureRow, key)) is not None:
                    session.delete(failures)
            principal = Principal(user.id, "user", row.id, origin)
            self._audit.append(session, _entry(AuditAction.LOGIN, principal, Outcome.ALLOWED))
            return account_of(user), token

    def _counters(self, name: str, origin: str) -> tuple[tuple[str, int], ...]:
        """(key, free failures) of the account's and the origin's counter."""
        return (
            (self._vault.pseudonym(f"account\x00{fold(name)}\x00{origin}"), FREE_FAILURES),
            (self._vault.pseudonym(f"origin\x00{origin}"), FREE_FAILURES_PER_ORIGIN),
        )

    def _wait(self, session: Session, counters: tuple[tuple[str, int], ...]) -> int:
        now = self._clock.now()
        waits = [0]
        for key, free in counters:
            row = session.get(store.FailureRow, key)
            if row is not None and row.count >= free:
                pause = min(LONGEST_WAIT_S, 2 ** min(16, row.count - free))
                waits.append(round((row.last_at + timedelta(seconds=pause) - now).total_seconds() + 0.5))
        return max(waits)

    def _record_failure(
        self, name: str, origin: str, reason: str, counters: tuple[tuple[str, int], ...] = ()
    ) -> None:
        now = self._clock.now()
        with self._database.write() as session:
            for key, _ in counters:
                row = session.get(store.FailureRow, key)
                if row is None:
                    session.add(store.FailureRow(key=key, count=1, last_at=now))
                else:
                    row.count = 1 if now - row.last_at > FORGET_FAILURES else row.count + 1
                    row.last_at = now
            user = store.user_by_name(session, fold(name))
            actor = Principal("" if user is None else user.id, "user", origin=origin)
            known = self._vault.pseudonym(fold(name)) if user is None else f"user:{user.id}"
            entry = Entry(
                action=AuditAction.LOGIN_FAILED,
                actor=actor,
                outcome=Outcome.REFUSED,
                object=known,
                subject=actor.user_id,
                task="identity",
                reason=reason,
            )
            self._audit.append(session, entry)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(action: AuditAction, principal: Principal, outcome: Outcome) -> Entry:
    return Entry(
        action=action,
        actor=principal,
        outcome=outcome,
        object=f"session:{principal.credential_id}",
        subject=principal.user_id,
        task="identity",
    )
