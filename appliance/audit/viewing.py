"""What auditors do with the log: look through it, look at one entry, keep views.

Every look is an entry first, durable before anything is shown: who watches is watched too.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from appliance.audit import store
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, Leaf, decode
from appliance.audit.log import AuditLog
from appliance.audit.search import Found, Query, search
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput, NotFound, StorageFailed
from appliance.ids import new_id
from appliance.storage.engine import Database
from appliance.tlog.merkle import inclusion_proof, leaf_hash
from appliance.tlog.tiles import node_reader

T = TypeVar("T")

PAGE = 50
MAX_NAME = 64
MAX_VIEWS = 50
MAX_FIELD = 200


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry with its place: `note` is the first signed checkpoint over it, empty while unsealed."""

    leaf: Leaf
    text: str
    leaf_hash: bytes
    note: str
    tree_size: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of one auditor's."""

    id: str
    name: str
    query: str


class Viewer:
    """The service. Every method is synchronous and belongs in the thread pool."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def page(self, actor: Principal, query: Query, before: int | None = None) -> Found:
        """The newest entries under `before` that fit, newest first."""
        for name, value in asked(query).items():
            if len(value) > MAX_FIELD:
                raise InvalidInput(
                    N_("A filter has at most %(most)d characters."), field=name, most=MAX_FIELD
                )
        self._record(actor, AuditAction.AUDIT_READ, "log", to_text(query))
        with self._database.read() as session:
            return _undamaged(lambda: search(session, query, before, PAGE))

    def entry(self, actor: Principal, index: int) -> Detail:
        """One entry and the proof of its place. NotFound when there is none."""
        self._record(actor, AuditAction.ENTRY_READ, f"entry:{index}")
        with self._database.read() as session:
            row = next((one for one in store.entries(session, index, 1) if one.index == index), None)
            if row is None:
                raise NotFound(N_("There is no entry %(index)d."), index=index)
            leaf = _undamaged(lambda: decode(row.leaf))
            size, note = store.checkpoint_over(session, index)
            node = node_reader(lambda *at: store.tile(session, *at))
            proof = _undamaged(lambda: tuple(inclusion_proof(index, size, node))) if size else ()
        return Detail(leaf, _pretty(row.leaf), leaf_hash(row.leaf), note, size, proof)

    def views(self, actor: Principal) -> list[View]:
        """This person's saved views by name."""
        with self._database.read() as session:
            rows = session.scalars(
                select(store.ViewRow).where(store.ViewRow.owner == actor.user_id).order_by(store.ViewRow.name)
            )
            return [View(row.id, row.name, row.query) for row in rows]

    def save_view(self, actor: Principal, name: str, query: Query) -> View:
        """Keep a view. Conflict when this person has one of that name."""
        name = " ".join(name.split())
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise InvalidInput(
                N_("A name has 1 to %(most)d visible characters."), field="name", most=MAX_NAME
            )
        if len(self.views(actor)) >= MAX_VIEWS:
            raise InvalidInput(
                N_("One person keeps at most %(most)d views. Remove one first."), field="name", most=MAX_VIEWS
            )
        row = store.ViewRow(id=new_id(), owner=actor.user_id, name=name, query=to_text(query))
        try:
            with self._database.write() as session:
                session.add(row)
                self._audit.append(
                    session, _entry(actor, AuditAction.VIEW_SAVED, f"view:{row.id}", row.query)
                )
        except IntegrityError:
            raise Conflict(
                N_("You have a view called '%(name)s' already."), field="name", name=name
            ) from None
        return View(row.id, row.name, row.query)

    def remove_view(self, actor: Principal, view_id: str) -> None:
        """NotFound for a missing view and for somebody else's."""
        own = (store.ViewRow.id == view_id) & (store.ViewRow.owner == actor.user_id)
        with self._database.write() as session:
            if session.scalar(select(store.ViewRow.id).where(own)) is None:
                raise NotFound(N_("There is no such view."))
            session.execute(delete(store.ViewRow).where(own))
            self._audit.append(session, _entry(actor, AuditAction.VIEW_REMOVED, f"view:{view_id}"))

    def _record(self, actor: Principal, action: AuditAction, object_: str, reason: str = "") -> None:
        with self._database.write(shared=True) as session:
            self._audit.append(session, _entry(actor, action, object_, reason))


def asked(query: Query) -> dict[str, str]:
    """The fields that ask for something."""
    return {field.name: value for field in fields(query) if (value := getattr(query, field.name))}


def to_text(query: Query) -> str:
    """A query as the address carries it."""
    return urlencode(asked(query))


def from_text(text: str) -> Query:
    """The query again; what it does not know is left out."""
    known = {field.name for field in fields(Query)}
    return Query(**{name: value for name, value in parse_qsl(text) if name in known})


def _pretty(leaf: bytes) -> str:
    return msgspec.json.format(leaf, indent=2).decode()


def _undamaged(read: Callable[[], T]) -> T:
    try:
        return read()
    except (TypeError, ValueError):
        raise StorageFailed(
            N_("The audit log in the database is damaged. Run 'appliance audit verify'.")
        ) from None


def _entry(actor: Principal, action: AuditAction, object_: str, reason: str = "") -> Entry:
    return Entry(
        action=action, actor=actor, outcome=Outcome.ALLOWED, object=object_, task="audit", reason=reason
    )
