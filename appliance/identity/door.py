"""The one door: whoever comes in with a name proves it here, whatever keeps the accounts.

Unknown names are checked against a dummy hash: a name nobody has, a wrong password and a
disabled account take the same time and read the same (OWASP ASVS 5.0, 6.3). Directories that
join later answer in `_proven`.
"""

import secrets
import threading
from dataclasses import dataclass

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, LimitReached, NotSignedIn
from appliance.identity import passwords, store
from appliance.identity.accounts import Account, account_of, fold
from appliance.identity.lockout import Lockout
from appliance.identity.second_factor import SecondFactor
from appliance.identity.sessions import EMERGENCY, Sessions
from appliance.storage.engine import Database
from appliance.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """A fresh session: its token for the cookie, and whether a second factor must follow."""

    account: Account
    token: str
    pending: bool = False


class Door:
    """The service. Holds one dummy hash, made at start, for names nobody has.

    Passwords are verified one at a time: no guess slips past the counters beside another,
    and a flood of sign-ins costs one core and the memory of one hash.
    """

    def __init__(
        self, database: Database, vault: Vault, audit: AuditLog, clock: Clock,
        sessions: Sessions, second_factor: SecondFactor,
    ) -> None:  # fmt: skip
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._sessions = sessions
        self._second_factor = second_factor
        self._lockout = Lockout(vault, clock)
        self._dummy = passwords.hash_password(secrets.token_urlsafe())
        self._turn = threading.Lock()

    def authenticate(self, name: str, password: str, origin: str) -> Opened:
        """A session for whoever proves to be `name`.

        Raises NotSignedIn for a wrong name or password or a disabled account (all alike),
        LimitReached while too many wrong ones came in a row.
        """
        folded = fold(name)
        with self._turn:
            user = self._proven(folded, password, origin)
            if user is not None and (opened := self._open(user.id, origin, user.password_hash)) is not None:
                return opened
        raise _wrong()

    def second_step(self, token: str, code: str, origin: str) -> Opened:
        """The whole session for a pending one, whose token dies with it (session fixation).

        Raises NotSignedIn for a session that waits for nothing, InvalidInput for a wrong code,
        LimitReached after too many.
        """
        known = self._sessions.known(token, origin)
        if known is None or not known.pending:
            raise NotSignedIn(N_("This sign-in took too long. Start again."))
        user_id = known.principal.user_id
        with self._turn:
            with self._database.read() as session:
                folded = session.get_one(store.UserRow, user_id).folded_name
            self._check_wait(folded, origin)
            with self._database.write() as session:
                user = session.get_one(store.UserRow, user_id)
                if not user.disabled and self._second_factor.accept(session, user, code):
                    store.end_session(session, known.principal.credential_id)
                    return self._opened(session, user, origin, pending=False)
            self._refuse(folded, origin, "wrong-second-factor")
        raise InvalidInput(N_("This code is not right. Wait for the next one and try again."), field="code")

    def open_for(self, account: Account, origin: str) -> str:
        """A session for somebody who has just proven themselves: by set-up, link or passkey."""
        opened = self._open(account.id, origin, whole=True)
        if opened is None:
            raise _wrong()
        return opened.token

    def confirm(self, principal: Principal, password: str) -> None:
        """The signed-in person proves again who they are, before a dangerous act.

        Raises InvalidInput for a wrong password, LimitReached after too many.
        """
        with self._database.read() as session:
            folded = session.get_one(store.UserRow, principal.user_id).folded_name
        with self._turn:
            if self._proven(folded, password, principal.origin) is None:
                raise InvalidInput(N_("The password is wrong."), field="password")
            with self._database.write() as session:
                row = session.get(store.SessionRow, principal.credential_id)
                if row is None:
                    raise _wrong()
                row.confirmed_at = self._clock.now()
                self._audit.append(session, _entry(AuditAction.CONFIRMED, principal))

    def change_password(self, principal: Principal, current: str, new: str) -> None:
        """The person's own change; every other session of theirs ends.

        Raises InvalidInput naming the field that is wrong.
        """
        with self._database.read() as session:
            row = session.get_one(store.UserRow, principal.user_id)
            name, folded = row.name, row.folded_name
        passwords.check_strength(new, name)
        if new == current:
            raise InvalidInput(N_("Choose a password that is not the old one."), field="password")
        encoded = passwords.hash_password(new)
        with self._turn:
            if self._proven(folded, current, principal.origin) is None:
                raise InvalidInput(N_("The current password is wrong."), field="current")
            with self._database.write() as session:
                row = session.get_one(store.UserRow, principal.user_id)
                row.password_hash, row.must_change = encoded, False
                for old in store.sessions_of(session, row.id):
                    if old.id != principal.credential_id:
                        store.end_session(session, old.id)
                self._audit.append(session, _entry(AuditAction.PASSWORD_CHANGED, principal))

    def _proven(self, folded: str, password: str, origin: str) -> store.UserRow | None:
        """The account of that name if this is its password; a refusal is recorded. The turn is ours."""
        self._check_wait(folded, origin)
        with self._database.read() as session:
            user = store.user_by_name(session, folded)
        encoded = self._dummy if user is None or user.password_hash == passwords.NONE else user.password_hash
        if not passwords.matches(encoded, password) or user is None or encoded == self._dummy:
            self._refuse(folded, origin, "wrong-credentials")
        elif user.disabled:
            self._refuse(folded, origin, "account-disabled")
        else:
            return user
        return None

    def _check_wait(self, folded: str, origin: str) -> None:
        with self._database.read() as session:
            wait = self._lockout.wait(session, folded, origin)
        if wait > 0:
            self._refuse(folded, origin, "locked-out")
            raise LimitReached(
                N_("Too many wrong passwords. Wait %(seconds)d seconds and try again."),
                retry_after=wait,
                seconds=wait,
            )

    def _open(self, user_id: str, origin: str, encoded: str = "", *, whole: bool = False) -> Opened | None:
        """A session, unless the account was disabled or got another password than `encoded` meanwhile."""
        with self._database.write() as session:
            user = session.get_one(store.UserRow, user_id)
            if user.disabled or (encoded and user.password_hash != encoded):
                return None
            if user.kind == EMERGENCY and encoded:
                user.password_hash = passwords.NONE  # the code opens once
                self._audit.append(
                    session, _entry(AuditAction.EMERGENCY_USED, Principal(user.id, "user", origin=origin))
                )
            pending = not whole and user.totp_secret is not None
            return self._opened(session, user, origin, pending=pending)

    def _opened(self, session: Session, user: store.UserRow, origin: str, *, pending: bool) -> Opened:
        _, token = self._sessions.open_in(session, user, origin, pending=pending)
        if not pending:
            self._lockout.succeeded(session, user.folded_name, origin)
        return Opened(account_of(user), token, pending)

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


def _wrong() -> NotSignedIn:
    return NotSignedIn(N_("The name or the password is wrong."))


def _entry(action: AuditAction, principal: Principal) -> Entry:
    return Entry(
        action=action,
        actor=principal,
        outcome=Outcome.ALLOWED,
        object=f"user:{principal.user_id}",
        subject=principal.user_id,
        task="identity",
    )
