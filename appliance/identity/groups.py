"""Groups of people, made by administrators; policies give them limits, models and rules by name."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, NotFound
from appliance.identity import store
from appliance.identity.accounts import clean_name, fold
from appliance.ids import new_id
from appliance.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Group:
    """A group and how many people are in it."""

    id: str
    name: str
    members: int


class Groups:
    """The service. Every method is one short transaction; joining twice and leaving twice are fine."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def list(self) -> list[Group]:
        with self._database.read() as session:
            return [Group(row.id, row.name, members) for row, members in store.groups(session)]

    def of(self, user_id: str) -> frozenset[str]:
        """The names of the groups a person is in."""
        with self._database.read() as session:
            return store.group_names_of(session, user_id)

    def members(self, name: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of everyone in a group. NotFound if there is none of that name."""
        with self._database.read() as session:
            rows = store.members_of(session, _group(session, name).id)
            return tuple((row.id, row.name) for row in rows)

    def create(self, actor: Principal, name: str) -> Group:
        """A new, empty group. Conflict when the name is taken."""
        name = clean_name(name)
        with self._database.write() as session:
            if store.group_by_name(session, fold(name)) is not None:
                raise Conflict(N_("There is already a group called '%(name)s'."), field="name", name=name)
            row = store.GroupRow(id=new_id(), name=name, folded_name=fold(name), created_at=self._clock.now())
            session.add(row)
            self._audit.append(session, _entry(AuditAction.GROUP_CREATED, actor, row))
            return Group(row.id, row.name, 0)

    def delete(self, actor: Principal, name: str) -> None:
        """End a group; its people stay."""
        with self._database.write() as session:
            row = _group(session, name)
            store.remove_group(session, row.id)
            self._audit.append(session, _entry(AuditAction.GROUP_DELETED, actor, row))

    def join(self, actor: Principal, name: str, user_id: str) -> None:
        """Put a person into a group. NotFound for an unknown group or person."""
        with self._database.write() as session:
            self.join_in(session, actor, name, user_id)

    def join_in(self, session: Session, actor: Principal, name: str, user_id: str) -> None:
        """The same in the caller's transaction."""
        row = _group(session, name)
        if session.get(store.UserRow, user_id) is None:
            raise NotFound(N_("There is no such user."))
        if session.get(store.MemberRow, (row.id, user_id)) is None:
            session.add(store.MemberRow(group_id=row.id, user_id=user_id))
            self._audit.append(session, _entry(AuditAction.GROUP_JOINED, actor, row, user_id))

    def leave(self, actor: Principal, name: str, user_id: str) -> None:
        """Take a person out of a group. NotFound for an unknown group."""
        with self._database.write() as session:
            row = _group(session, name)
            if store.remove_member(session, row.id, user_id):
                self._audit.append(session, _entry(AuditAction.GROUP_LEFT, actor, row, user_id))


def _group(session: Session, name: str) -> store.GroupRow:
    row = store.group_by_name(session, fold(name))
    if row is None:
        raise NotFound(N_("There is no group called '%(name)s'."), field="name", name=name)
    return row


def _entry(action: AuditAction, actor: Principal, row: store.GroupRow, user_id: str = "") -> Entry:
    return Entry(
        action=action,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"group:{row.id}",
        subject=user_id,
        task="identity",
    )
