"""The house in figures for the dashboard: counts of the last day, never content.

The figures are kept for a moment: a page that several people look at asks the database once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from appliance.admin.retention import RetentionJob, number_of
from appliance.backup.stamp import last_backup
from appliance.clock import Clock
from appliance.completions import usage
from appliance.policy import decisions
from appliance.storage.engine import Database

SPAN = timedelta(days=1)
FRESH_S = 20.0
MOST_WAITS = 2000


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the time since `since`. `acted`: (outcome, kind of finding, how many), the most first.

    `first_token_s` and `first_token_slow_s`: median and 95th percentile of the wait for the first
    word, None without answers. `backlog`: things past their date, `held` those that a hold keeps.
    """

    since: datetime
    answers: int
    failed: int
    acted: tuple[tuple[str, str, int], ...]
    first_token_s: float | None
    first_token_slow_s: float | None
    backlog: int
    held: int
    last_backup: datetime | None


class Reports:
    """The service. Synchronous: belongs in the thread pool. `_lock` guards what is kept."""

    def __init__(self, database: Database, clock: Clock, retention: RetentionJob, run_folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._retention = retention
        self._run_folder = run_folder
        self._lock = Lock()
        self._kept: tuple[float, Figures] | None = None

    def figures(self) -> Figures:
        """As they were at most FRESH_S seconds ago."""
        with self._lock:
            now = self._clock.monotonic()
            if self._kept is None or now - self._kept[0] > FRESH_S:
                self._kept = (now, self._count())
            return self._kept[1]

    def _count(self) -> Figures:
        since = self._clock.now() - SPAN
        with self._database.read() as session:
            ends = usage.ends_since(session, since)
            waits = sorted(usage.first_tokens(session, since, MOST_WAITS))
            acted = decisions.acted_since(session, since)
        due = self._retention.preview()
        return Figures(
            since=since,
            answers=sum(ends.values()),
            failed=ends.get("failed", 0),
            acted=tuple(
                (outcome, kind, count)
                for (outcome, kind), count in sorted(acted.items(), key=lambda one: (-one[1], one[0]))
            ),
            first_token_s=_share(waits, 0.5),
            first_token_slow_s=_share(waits, 0.95),
            backlog=number_of(due),
            held=sum(one.count for one in due if one.held),
            last_backup=last_backup(self._run_folder),
        )


def _share(waits: Sequence[float], share: float) -> float | None:
    return waits[min(len(waits) - 1, int(len(waits) * share))] if waits else None
