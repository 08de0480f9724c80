"""Reviews of the log: made on demand, signed off once they were read. Signatures are entries."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from appliance.audit import store, tree
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, decode
from appliance.audit.log import AuditLog
from appliance.audit.reads import Reads
from appliance.audit.review import SEOUL, Review, Thresholds, review
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.errors import N_, Conflict, InvalidInput
from appliance.storage.engine import Database

MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])", re.ASCII)
MAX_NOTE = 1000


@dataclass(frozen=True, slots=True)
class SignOff:
    """Who signed which month's review when; `sha256` says which one it was."""

    month: str
    actor_id: str
    time: str
    sha256: str
    note: str
    index: int


class Reviews:
    """The service. Making a review reads the month's entries once; belongs in the thread pool."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        limits: Callable[[], Thresholds] = Thresholds,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._limits = limits
        self._reads = Reads(database, audit)

    def last_month(self) -> str:
        """The last month that is over, in Seoul."""
        here = self._clock.now().astimezone(SEOUL)
        return f"{here.replace(day=1) - timedelta(days=1):%Y-%m}"

    def make(self, actor: Principal, month: str) -> Review:
        """The review of a month, as YYYY-MM; that somebody looked at it is recorded first."""
        start, end = _bounds(month)
        self._reads.record(actor, AuditAction.REVIEW_READ, f"review:{month}")
        return self._review(month, start, end)

    def sign(self, actor: Principal, month: str, sha256: str, note: str) -> None:
        """Record that the review was read. Conflict when it is not over or no longer that review."""
        start, end = _bounds(month)
        note = " ".join(note.split())
        if len(note) > MAX_NOTE:
            raise InvalidInput(N_("A note has at most %(most)d characters."), field="note", most=MAX_NOTE)
        if end > self._clock.now():
            raise Conflict(N_("This month is not over yet. Sign its review when it is."))
        if self._review(month, start, end).sha256 != sha256:
            raise Conflict(N_("The log has changed since this review was made. Read it again, then sign."))
        entry = Entry(
            action=AuditAction.REVIEW_SIGNED,
            actor=actor,
            outcome=Outcome.ALLOWED,
            object=f"review:{month}:{sha256}",
            task="audit",
            reason=note,
        )
        with self._database.write() as session:
            self._audit.append(session, entry)

    def signatures(self) -> list[SignOff]:
        """All sign-offs that were sealed, the newest first."""
        with self._database.read() as session:
            rows = list(tree.objects_of(session, (AuditAction.REVIEW_SIGNED,)))
            waiting = [decode(body) for _, body in store.accepted(session, store.BATCH)]
        found = [decode(leaf) for _, leaf in rows]
        found += [leaf for leaf in waiting if leaf.action == AuditAction.REVIEW_SIGNED]
        signed = []
        for leaf in reversed(found):
            _, month, sha256 = leaf.object.split(":")
            index = -1 if leaf.index is None else leaf.index
            signed.append(SignOff(month, leaf.actor.id, leaf.time, sha256, leaf.reason, index))
        return signed

    def due(self) -> str:
        """The last month that is over and that nobody signed; '' when all is done."""
        month = self.last_month()
        return "" if any(one.month == month for one in self.signatures()) else month

    def _review(self, month: str, start: datetime, end: datetime) -> Review:
        with self._database.read() as session:
            first = tree.first_at(session, _as_written(start))
            last = tree.last_before(session, _as_written(end))
        if first is None or last is None or first > last:
            return review(month, 0, 0, (), self._limits())
        since, until = _as_written(start), _as_written(end)
        leaves = (decode(leaf) for leaf in tree.leaves(self._database, first, last + 1))
        return review(
            month, first, last + 1, (leaf for leaf in leaves if since <= leaf.time < until), self._limits()
        )


def _bounds(month: str) -> tuple[datetime, datetime]:
    """[beginning, end) of a month in Seoul, in UTC. InvalidInput for what is no month."""
    found = MONTH.fullmatch(month)
    if found is None:
        raise InvalidInput(N_("Type a month as 2026-11."), field="month")
    start = datetime(int(found[1]), int(found[2]), 1, tzinfo=SEOUL)
    end = (start + timedelta(days=32)).replace(day=1)
    return start.astimezone(UTC), end.astimezone(UTC)


def _as_written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
