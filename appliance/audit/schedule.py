"""Exports that nobody has to ask for: the serving product writes one each period, and keeps the newest.

What was made is told by the names in the folder, so a restart makes none twice and misses none: the
first look in a period without one makes it. A file appears whole or not at all. One that cannot be
written is an entry, and is tried again after an hour. Texts that are sealed for auditors are in none of
them: what was erased would live on in a file that nobody asked for.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.export import Exporter, Request
from appliance.audit.exports import NAME
from appliance.audit.log import AuditLog
from appliance.audit.review import SEOUL
from appliance.clock import Clock
from appliance.core import SYSTEM, Outcome
from appliance.errors import NaesilError
from appliance.storage.engine import Database

log = logging.getLogger(__name__)

REASON = "scheduled by audit.yaml"
AGAIN_AFTER = timedelta(hours=1)
STAMP = "naesil-audit-%Y%m%dT%H%M%SZ.zip"

Every = Literal["hourly", "daily", "weekly", "monthly"]
_PERIODS = {"hourly": "%Y-%m-%d %H", "daily": "%Y-%m-%d", "weekly": "%G week %V", "monthly": "%Y-%m"}


@dataclass(frozen=True, slots=True)
class Plan:
    """Into which folder below exports/, how often, and how many of the newest stay there."""

    directory: str
    every: Every
    keep: int


def is_due(newest: datetime | None, now: datetime, every: Every) -> bool:
    """Whether the period of `now`, by Seoul's calendar, has no export yet."""
    period = _PERIODS[every]
    return newest is None or (newest < now and _in(newest, period) != _in(now, period))


class ScheduledExports:
    """The service; asked every minute by one thread at a time."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        exporter: Callable[[], Exporter],
    ) -> None:
        self._folder = folder
        self._database = database
        self._audit = audit
        self._clock = clock
        self._exporter = exporter
        self._not_before = datetime.min.replace(tzinfo=UTC)

    def run_if_due(self, plan: Plan | None) -> Path | None:
        """Write this period's export if it is not there; where it is. None when nothing was written."""
        now = self._clock.now()
        if plan is None or now < self._not_before:
            return None
        folder = self._folder / plan.directory
        try:
            names = _names(folder)
            newest = datetime.strptime(names[-1], STAMP).replace(tzinfo=UTC) if names else None
            if not is_due(newest, now, plan.every):
                return None
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            out = folder / now.strftime(STAMP)
            self._exporter().export(SYSTEM, Request(REASON, sealed=False), out)
            self._remove_old(folder, plan)
        except (OSError, NaesilError) as error:
            self._not_before = now + AGAIN_AFTER
            said = (error.strerror or "") if isinstance(error, OSError) else error.code
            log.error("the scheduled export could not be written: %s", said)
            self._record(AuditAction.AUDIT_EXPORTED, Outcome.FAILED, f"exports/{plan.directory}", said)
            return None
        return out

    def _remove_old(self, folder: Path, plan: Plan) -> None:
        for name in _names(folder)[: -plan.keep]:
            self._record(
                AuditAction.EXPORT_REMOVED,
                Outcome.ALLOWED,
                f"exports/{plan.directory}/{name}",
                f"keep {plan.keep}",
            )
            (folder / name).unlink()

    def _record(self, action: AuditAction, outcome: Outcome, object_: str, reason: str) -> None:
        entry = Entry(
            action=action, actor=SYSTEM, outcome=outcome, object=object_, task="audit", reason=reason
        )
        with self._database.write() as session:
            self._audit.append(session, entry)


def _names(folder: Path) -> list[str]:
    """The exports in a folder, the oldest first."""
    return sorted(path.name for path in folder.glob("*.zip") if NAME.fullmatch(path.name))


def _in(moment: datetime, period: str) -> str:
    return moment.astimezone(SEOUL).strftime(period)
