"""Revisions in the database: which is in force, making the next one, following what others made.

A revision is the whole set of files. The row with the highest number is in force; adding a row
is activating it, so two who activate at once cannot both win: the second finds that the number
it built upon is no longer the highest. A crash before the commit leaves the old one in force.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.config import Settings, share_folder
from appliance.core import SYSTEM, Outcome, Principal
from appliance.errors import N_, Conflict, NotFound
from appliance.policy import store
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import check_files, load_active
from appliance.policy.files import Files, PolicyFile, read_folder
from appliance.policy.model import PolicySet, with_revision
from appliance.policy.yaml_text import PolicyError
from appliance.storage.engine import Database

Texts = Mapping[str, str]
"""File name -> its text."""

Guard = Callable[[Session, PolicySet], None]
"""Raises Conflict for a set that must not come into force."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision as lists show it."""

    number: int
    content_hash: str
    author: str
    approver: str
    note: str
    activated_at: datetime


def shipped() -> Files:
    """The files that come with the product."""
    return read_folder(share_folder("policies"))[0]


def as_files(texts: Texts, place: str) -> dict[str, PolicyFile]:
    """Texts as files that messages name `place/NAME`."""
    return {name: PolicyFile(Path(place) / name, text.encode()) for name, text in texts.items()}


def as_texts(files: Files) -> dict[str, str]:
    """Files that were read, as texts; what is no text keeps a mark where it is not."""
    return {name: file.content.decode("utf-8", "replace") for name, file in sorted(files.items())}


def validated(texts: Texts, place: str) -> tuple[PolicySet | None, tuple[PolicyError, ...]]:
    """The set compiled, or everything that is wrong with it."""
    return check_files(as_files(texts, place), shipped())


def in_force(database: Database, settings: Settings) -> PolicySet:
    """The policy in force; before the first revision what it would be made of."""
    with database.read() as session:
        number = store.head_number(session)
        row = store.revision(session, number)
    return load_active(settings) if row is None else _loaded(row)


class Revisions:
    """The service over the database; replaces the shared ActivePolicy. Safe to use from threads."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, active: ActivePolicy) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._active = active
        self._number = 0

    @property
    def active(self) -> PolicySet:
        return self._active.current

    def open(self, settings: Settings) -> None:
        """Follow the revision in force; the files of the house become revision 1 when there is none."""
        with self._database.write() as session:
            if store.head_number(session) == 0:
                policy = load_active(settings)
                own = read_folder(settings.data / "policies")[0]
                texts = as_texts({**shipped(), **own})
                self._add(session, SYSTEM, 1, policy, texts, note="")
        self.refresh()

    def refresh(self) -> bool:
        """Whether another revision came into force since the last look; it is followed then."""
        with self._database.read() as session:
            number = store.head_number(session)
            if number == self._number:
                return False
            row = store.revision(session, number)
        if row is None:
            return False
        self._active.replace(_loaded(row))
        self._number = number
        return True

    def number(self) -> int:
        """The number in force."""
        with self._database.read() as session:
            return store.head_number(session)

    @staticmethod
    def check(files: Files, base: Files) -> tuple[PolicyError, ...]:
        """Everything that is wrong with a set of files."""
        return check_files(files, base)[1]

    def history(self) -> list[Revision]:
        """Every revision, the newest first."""
        with self._database.read() as session:
            return [_revision(row) for row in store.revisions(session)]

    def texts(self, number: int) -> dict[str, str]:
        """The files of a revision. NotFound if there is none."""
        with self._database.read() as session:
            row = store.revision(session, number)
        if row is None:
            raise NotFound(N_("There is no revision %(number)d."), number=number)
        return dict(row.files)

    def activate(
        self,
        actor: Principal,
        texts: Texts,
        expected: int,
        *,
        note: str = "",
        approver: str = "",
        guard: Guard | None = None,
        also: Callable[[Session], None] | None = None,
        action: AuditAction = AuditAction.POLICY_ACTIVATED,
    ) -> Revision:
        """Bring a set into force, if revision `expected` still is. `also` joins the transaction.

        Raises PolicyError when something is wrong with the set, Conflict when another revision
        came first or `guard` says no; then the old one stays in force.
        """
        policy, problems = validated(texts, "policies")
        if policy is None:
            raise problems[0]
        with self._database.write() as session:
            number = store.head_number(session)
            if number != expected:
                raise overtaken(number)
            if guard is not None:
                guard(session, policy)
            row = self._add(
                session, actor, number + 1, policy, texts, note=note, approver=approver, action=action
            )
            if also is not None:
                also(session)
        self.refresh()
        return _revision(row)

    def _add(
        self,
        session: Session,
        actor: Principal,
        number: int,
        policy: PolicySet,
        texts: Texts,
        *,
        note: str,
        approver: str = "",
        action: AuditAction = AuditAction.POLICY_ACTIVATED,
    ) -> store.RevisionRow:
        row = store.RevisionRow(
            number=number,
            content_hash=policy.revision,
            files=dict(texts),
            author=actor.user_id,
            approver=approver,
            note=note[:300],
            activated_at=self._clock.now(),
        )
        session.add(row)
        self._audit.append(
            session,
            Entry(
                action=action,
                actor=actor,
                outcome=Outcome.ALLOWED,
                object=f"policy:{number}",
                task="policy",
                reason=f"approved by {approver}" if approver else "",
                policy_revision=policy.revision,
            ),
        )
        return row


def overtaken(number: int) -> Conflict:
    """The error for whoever activates second."""
    return Conflict(
        N_(
            "Somebody else activated revision %(number)d in the meantime, so nothing was changed. "
            "Look at the difference and try again."
        ),
        number=number,
    )


def _loaded(row: store.RevisionRow) -> PolicySet:
    """A revision that was valid when it was activated, under the hash it had then."""
    policy, problems = validated(row.files, f"revision {row.number}")
    if policy is None:
        raise problems[0]
    return with_revision(policy, row.content_hash)


def _revision(row: store.RevisionRow) -> Revision:
    return Revision(row.number, row.content_hash, row.author, row.approver, row.note, row.activated_at)
