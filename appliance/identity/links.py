"""One-time links by which a person sets their own password: an invitation, or a reset.

An administrator makes the link and hands it over; nobody but its holder ever knows the
password. Only the SHA-256 of the token is kept; a new link ends the ones before it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, InvalidInput, NotFound
from appliance.identity import passwords, store
from appliance.identity.accounts import Account, Accounts, account_of, clean_name, refuse_auditor
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.storage.engine import Database

Purpose = Literal["invite", "reset"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link just made: its token goes into the address /welcome/<token>, once."""

    account: Account
    token: str
    expires_at: datetime


class Links:
    """The service. Every public method is one short transaction."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, policy: ActivePolicy, accounts: Accounts
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._policy = policy
        self._accounts = accounts

    def invite(self, actor: Principal, name: str, roles: frozenset[str]) -> Link:
        """A new account and the link that opens it. Raises as Accounts.create."""
        with self._database.write() as session:
            return self.invite_in(session, actor, clean_name(name), roles)

    def invite_in(self, session: Session, actor: Principal, name: str, roles: frozenset[str]) -> Link:
        """The same in the caller's transaction; `name` is clean."""
        return self._make(session, actor, self._accounts.create_in(session, actor, name, roles), "invite")

    def reset(self, actor: Principal, user_id: str) -> Link:
        """A link for somebody who cannot sign in; until it is used nothing else changes."""
        with self._database.write() as session:
            row = session.get(store.UserRow, user_id)
            if row is None or row.kind != "person":
                raise NotFound(N_("There is no such user."))
            refuse_auditor(actor, row)
            return self._make(session, actor, row, "reset")

    def holder(self, token: str) -> Account:
        """Whose link this is. NotFound once it was used, replaced or is too old."""
        with self._database.read() as session:
            return account_of(self._valid(session, token)[1])

    def use(self, token: str, password: str, origin: str) -> Account:
        """Set the password; every session and link of the account ends.

        Raises NotFound as `holder`, InvalidInput for a weak password.
        """
        passwords.check_strength(password, self.holder(token).name)
        encoded = passwords.hash_password(password)
        with self._database.write() as session:
            link, row = self._valid(session, token)
            row.password_hash, row.must_change = encoded, False
            store.end_sessions(session, row.id)
            store.remove_links(session, row.id)
            actor = Principal(row.id, "user", link.id, origin)
            self._audit.append(session, _entry(AuditAction.LINK_USED, actor, row.id, link.purpose))
            return account_of(row)

    def _make(self, session: Session, actor: Principal, row: store.UserRow, purpose: Purpose) -> Link:
        if row.disabled:
            raise InvalidInput(N_("'%(name)s' is disabled. Enable the account first."), name=row.name)
        store.remove_links(session, row.id)
        token = secrets.token_urlsafe(32)
        hours = self._policy.current.access.sign_in.link_hours
        expires_at = self._clock.now() + timedelta(hours=hours)
        session.add(
            store.LinkRow(
                id=new_id(), user_id=row.id, token_hash=_hash(token), purpose=purpose, expires_at=expires_at
            )
        )
        self._audit.append(session, _entry(AuditAction.LINK_MADE, actor, row.id, purpose))
        return Link(account_of(row), token, expires_at)

    def _valid(self, session: Session, token: str) -> tuple[store.LinkRow, store.UserRow]:
        link = store.link_by_hash(session, _hash(token))
        if link is not None and link.expires_at > self._clock.now():
            row = session.get_one(store.UserRow, link.user_id)
            if not row.disabled:
                return link, row
        raise NotFound(N_("This link was used before or is too old. Ask an administrator for another."))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _entry(action: AuditAction, actor: Principal, user_id: str, purpose: str) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"user:{user_id}",
        subject=user_id,
        task="identity",
        reason=purpose,
    )
