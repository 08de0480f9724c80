"""Accounts: made, listed, disabled, enabled, reset. Each change is an audit entry in its transaction."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome, Principal, Role
from appliance.errors import N_, Conflict, InvalidInput, NotFound
from appliance.identity import passwords, store
from appliance.ids import new_id
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

MAX_NAME = 64
TOTP = "totp"  # what the second factor's secret is sealed as
# letters and marks that show nothing (Unicode's Default_Ignorable_Code_Point) and the empty braille cell
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account as others may see it; nothing secret. `kind`: person, service or emergency."""

    id: str
    name: str
    roles: frozenset[str]
    disabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    kind: str = "person"
    second_factor: bool = False


def has_administrator(session: Session) -> bool:
    """Whether somebody can run the house: an enabled account with the administrator's role."""
    return bool(store.administrators(session))


class Accounts:
    """The service. Every method is one short transaction."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._clock = clock

    def any_administrator(self) -> bool:
        with self._database.read() as session:
            return has_administrator(session)

    def create(
        self, actor: Principal, name: str, password: str, roles: frozenset[str], *, must_change: bool = False
    ) -> Account:
        """A new account with a data key of its own. Conflict when the name is taken."""
        name = clean_name(name)
        passwords.check_strength(password, name)
        encoded = passwords.hash_password(password)
        with self._database.write() as session:
            row = self.create_in(session, actor, name, roles, encoded=encoded)
            row.must_change = must_change
            return account_of(row)

    def create_service(self, actor: Principal, name: str, roles: frozenset[str]) -> Account:
        """An account for programs: no password opens it, it acts by its API keys only."""
        with self._database.write() as session:
            return account_of(self.create_in(session, actor, clean_name(name), roles, kind="service"))

    def create_first_administrator(self, origin: str, name: str, password: str) -> Account:
        """The account that sets the product up. Conflict once there is an administrator."""
        name = clean_name(name)
        passwords.check_strength(password, name)
        encoded = passwords.hash_password(password)
        with self._database.write() as session:
            if store.administrators(session):
                raise Conflict(N_("Naesil is already set up: an administrator exists. Sign in instead."))
            actor = Principal(SYSTEM.user_id, SYSTEM.kind, origin=origin)
            roles = frozenset[str]({Role.ADMINISTRATOR, Role.MEMBER})
            row = self.create_in(session, actor, name, roles, encoded=encoded)
            self._audit.append(session, _entry(AuditAction.SETUP, actor, row.id))
            return account_of(row)

    def find(self, name: str) -> Account:
        """The account of that name. NotFound if there is none."""
        with self._database.read() as session:
            return account_of(_user(session, name))

    def get(self, user_id: str) -> Account:
        """The account with that id. NotFound if there is none."""
        with self._database.read() as session:
            row = session.get(store.UserRow, user_id)
            if row is None:
                raise NotFound(N_("There is no such user."))
            return account_of(row)

    def list(self) -> list[Account]:
        with self._database.read() as session:
            return [account_of(row) for row in store.users(session)]

    def disable(self, actor: Principal, name: str) -> Account:
        """Shut the account and everything signed in with it, at once."""
        with self._database.write() as session:
            row = _user(session, name)
            refuse_auditor(actor, row)
            if [admin.id for admin in store.administrators(session)] == [row.id]:
                raise Conflict(
                    N_("'%(name)s' is the last administrator. Make another one first."), name=row.name
                )
            row.disabled = True
            store.end_sessions(session, row.id)
            self._audit.append(session, _entry(AuditAction.USER_DISABLED, actor, row.id))
            return account_of(row)

    def enable(self, actor: Principal, name: str) -> Account:
        with self._database.write() as session:
            row = _user(session, name)
            row.disabled = False
            self._audit.append(session, _entry(AuditAction.USER_ENABLED, actor, row.id))
            return account_of(row)

    def reset_password(
        self, actor: Principal, name: str, password: str, *, must_change: bool = False
    ) -> Account:
        """Give the account another password; its sessions end."""
        passwords.check_strength(password, name)
        encoded = passwords.hash_password(password)
        with self._database.write() as session:
            row = _user(session, name)
            refuse_auditor(actor, row)
            row.password_hash, row.must_change = encoded, must_change
            store.end_sessions(session, row.id)
            self._audit.append(session, _entry(AuditAction.USER_RESET, actor, row.id))
            return account_of(row)

    def delete_in(self, session: Session, actor: Principal, user_id: str) -> bool:
        """Forget a disabled account and its data key, in the caller's transaction; False: no such one.

        Raises Conflict for one that is still enabled, and for an auditor's.
        """
        row = session.get(store.UserRow, user_id)
        if row is None:
            return False
        refuse_auditor(actor, row)
        if not row.disabled:
            raise Conflict(N_("Disable '%(name)s' first; a disabled account can be deleted."), name=row.name)
        self._vault.destroy_subject(session, row.id)
        session.delete(row)
        session.flush()  # from now on there is no such account, for this transaction too
        self._audit.append(session, _entry(AuditAction.USER_DELETED, actor, row.id))
        return True

    def renew_key_in(self, session: Session, user_id: str) -> None:
        """Destroy the person's data key and make another, in the caller's transaction.

        Everything sealed so far is unreadable from the commit on, but for the second factor's
        secret, which moves to the new key.
        """
        row = session.get_one(store.UserRow, user_id)
        secret = row.totp_secret and self._vault.unseal(session, row.id, TOTP, row.id, row.totp_secret)
        self._vault.destroy_subject(session, row.id)
        session.flush()
        self._vault.create_subject(session, row.id)
        session.flush()
        if secret:
            row.totp_secret = self._vault.seal(session, row.id, TOTP, row.id, str(secret))

    def create_in(
        self, session: Session, actor: Principal, name: str, roles: frozenset[str], *,
        encoded: str = passwords.NONE, kind: str = "person",
    ) -> store.UserRow:  # fmt: skip
        """A new account in the caller's transaction; without `encoded` no password opens it.

        Raises Conflict when the name is taken, and for an auditor made by one person alone.
        """
        if Role.AUDITOR in roles and actor.kind != SYSTEM.kind:
            raise Conflict(
                N_("Make the account first, then ask for the auditor's role: a second person must agree."),
                field="roles",
            )
        if store.user_by_name(session, fold(name)) is not None:
            raise Conflict(N_("There is already a user called '%(name)s'."), field="name", name=name)
        row = store.UserRow(
            id=new_id(),
            name=name,
            folded_name=fold(name),
            kind=kind,
            password_hash=encoded,
            roles=sorted(roles),
            disabled=False,
            created_at=self._clock.now(),
            last_sign_in_at=None,
        )
        session.add(row)
        self._vault.create_subject(session, row.id)
        self._audit.append(session, _entry(AuditAction.USER_CREATED, actor, row.id))
        session.flush()
        return row


def clean_name(name: str) -> str:
    """The name in NFKC without outer space. InvalidInput for an unusable one."""
    cleaned = unicodedata.normalize("NFKC", name).strip()
    if not 0 < len(cleaned) <= MAX_NAME or not cleaned.isprintable() or _INVISIBLE.search(cleaned):
        raise InvalidInput(N_("A name has 1 to %(most)d visible characters."), field="name", most=MAX_NAME)
    return cleaned


def fold(name: str) -> str:
    """What makes two names the same name, whatever was typed: a surrogate reads as a question mark."""
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    return unicodedata.normalize("NFKC", folded).encode("utf-8", "replace").decode()


def refuse_auditor(actor: Principal, row: store.UserRow) -> None:
    """Conflict for one person's attempt to shut out, take over or remove who watches them."""
    if Role.AUDITOR in row.roles and actor.kind != SYSTEM.kind:
        raise Conflict(
            N_(
                "'%(name)s' is an auditor: nobody changes that account alone. Ask to take the auditor's "
                "role away; when a second person has agreed, this can be done."
            ),
            name=row.name,
        )


def account_of(row: store.UserRow) -> Account:
    return Account(
        row.id, row.name, frozenset(row.roles), row.disabled, row.created_at, row.last_sign_in_at,
        row.kind, row.totp_secret is not None,
    )  # fmt: skip


def _user(session: Session, name: str) -> store.UserRow:
    row = store.user_by_name(session, fold(name))
    if row is None:
        raise NotFound(N_("There is no user called '%(name)s'."), field="name", name=name)
    return row


def _entry(action: AuditAction, actor: Principal, user_id: str) -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"user:{user_id}",
        subject=user_id,
        task="identity",
    )
