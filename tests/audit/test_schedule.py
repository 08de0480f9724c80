"""Exports by the calendar: one each period, the newest kept, a folder that cannot be written on record."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.audit.export import Exporter
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import read_public_keys
from appliance.audit.reading import entries
from appliance.audit.schedule import Every, Plan, ScheduledExports, is_due
from appliance.audit.sequencer import Sequencer
from appliance.storage.engine import Database
from tests.fakes import FakeClock

DAY = 86_400


@pytest.mark.parametrize(
    ("every", "same", "other"),
    [
        ("hourly", "2026-11-02T03:59", "2026-11-02T04:00"),
        ("daily", "2026-11-02T14:59", "2026-11-02T15:00"),  # midnight in Seoul
        ("weekly", "2026-11-08T14:59", "2026-11-08T15:00"),
        ("monthly", "2026-11-30T14:59", "2026-11-30T15:00"),
    ],
)
def test_a_period_is_seouls(every: Every, same: str, other: str) -> None:
    made = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
    assert not is_due(made, datetime.fromisoformat(same).replace(tzinfo=UTC), every)
    assert is_due(made, datetime.fromisoformat(other).replace(tzinfo=UTC), every)
    assert is_due(None, made, every)


def test_one_export_each_day_and_the_newest_stay(
    database: Database, audit: AuditLog, clock: FakeClock, sequencer: Sequencer,
    record: Callable[[int], None], keys: Path, tmp_path: Path,
) -> None:  # fmt: skip
    record(3)
    sequencer.run_once()
    folder = tmp_path / "exports"

    def seal() -> None:
        sequencer.run_once()

    def exporter() -> Exporter:
        return Exporter(database, audit, clock, read_public_keys(keys), seal)

    scheduled = ScheduledExports(folder, database, audit, clock, exporter)
    plan = Plan("scheduled", "daily", 2)
    made = []
    for _ in range(3):
        made.append(scheduled.run_if_due(plan))
        assert scheduled.run_if_due(plan) is None
        clock.advance(DAY)
    assert sorted((folder / "scheduled").iterdir()) == made[1:]
    (folder / "broken").write_text("no folder")
    assert scheduled.run_if_due(Plan("broken", "daily", 2)) is None
    sequencer.run_once()
    told = [(leaf.action, leaf.outcome) for leaf in entries(database, 0, 100)]
    assert told.count(("audit:log:export", "allowed")) == 3
    assert told.count(("audit:export:remove", "allowed")) == 1
    assert told[-1] == ("audit:log:export", "failed")
