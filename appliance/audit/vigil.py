"""What the log says of its own surroundings: settings that changed, clocks that jumped.

An auditor reads times; so a clock that was moved, or stands behind the newest entry at the
start, is itself an entry. Settings are compared with those of the last start by their hash.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select

from appliance.audit import store
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry, decode
from appliance.audit.log import AuditLog
from appliance.audit.store import EntryRow
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome
from appliance.storage.engine import Database

TOLERANCE_S = 2.0
MAX_REASON = 2000


class Vigil:
    """Asked once at the start and then every second, by one thread at a time."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._wall = clock.now()
        self._steady = clock.monotonic()

    def start(self, settings: Mapping[str, str]) -> None:
        """Record settings other than at the last start, and a clock behind the newest entry."""
        said = "; ".join(f"{name}={value}" for name, value in sorted(settings.items()))
        object_ = f"settings:{hashlib.sha256(said.encode()).hexdigest()[:16]}"
        with self._database.read() as session:
            newest = session.scalar(select(func.max(EntryRow.time)))
            last = session.scalar(
                select(EntryRow.leaf)
                .where(EntryRow.action == AuditAction.SETTINGS_CHANGED)
                .order_by(EntryRow.index.desc())
                .limit(1)
            )
            accepted = [decode(body) for _, body in store.accepted(session, store.BATCH)]
        known = [decode(last)] if last else []
        known += [leaf for leaf in accepted if leaf.action == AuditAction.SETTINGS_CHANGED]
        if not known or known[-1].object != object_:
            self._record(AuditAction.SETTINGS_CHANGED, object_, said[:MAX_REASON])
        if newest is not None:
            behind = (self._clock.now() - datetime.fromisoformat(newest)).total_seconds()
            if behind < -TOLERANCE_S:
                self._jumped(behind)

    def look(self) -> None:
        """Record it when the wall clock went another way than the steady one since the last look."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        jump = (wall - self._wall).total_seconds() - (steady - self._steady)
        if abs(jump) > TOLERANCE_S:
            self._jumped(jump)
        self._wall, self._steady = wall, steady  # a jump that could not be recorded is seen again

    def _jumped(self, seconds: float) -> None:
        self._record(AuditAction.CLOCK_JUMPED, "clock", f"{seconds:+.1f} s")

    def _record(self, action: AuditAction, object_: str, reason: str) -> None:
        entry = Entry(
            action=action, actor=SYSTEM, outcome=Outcome.ALLOWED, object=object_, reason=reason, task="system"
        )
        with self._database.write(shared=True) as session:
            self._audit.append(session, entry)
