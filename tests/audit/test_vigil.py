"""Clocks that jump and settings that change are in the log; steady ones are not."""

from datetime import timedelta

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.audit.vigil import Vigil
from appliance.errors import StorageFailed
from appliance.storage.engine import Database
from tests.fakes import FakeClock

SETTINGS = {"port": "8080 (flag)"}


class Clock(FakeClock):
    """One whose hands can be moved."""

    def move_hands(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vigil(database: Database, audit: AuditLog, clock: Clock) -> Vigil:
    return Vigil(database, audit, clock)


def told(database: Database, sequencer: Sequencer, action: AuditAction) -> list[str]:
    sequencer.run_once()
    return [leaf.reason for leaf in entries(database, 0, 100) if leaf.action == action]


@pytest.mark.parametrize(("seconds", "reason"), [(3600, "+3600.0 s"), (-7200, "-7200.0 s")])
def test_a_clock_that_is_moved_is_recorded_once(
    database: Database, vigil: Vigil, clock: Clock, sequencer: Sequencer, seconds: float, reason: str
) -> None:
    for _ in range(3):
        clock.advance(1)
        vigil.look()
    clock.move_hands(seconds)
    for _ in range(3):
        clock.advance(1)
        vigil.look()
    assert told(database, sequencer, AuditAction.CLOCK_JUMPED) == [reason]


def test_a_clock_behind_the_newest_entry_is_noticed_at_the_start(
    database: Database, audit: AuditLog, clock: Clock, vigil: Vigil, sequencer: Sequencer
) -> None:
    vigil.start(SETTINGS)
    sequencer.run_once()
    clock.move_hands(-86400)
    Vigil(database, audit, clock).start(SETTINGS)
    assert told(database, sequencer, AuditAction.CLOCK_JUMPED) == ["-86400.0 s"]


def test_settings_are_recorded_when_they_differ_from_the_last_start(
    database: Database, audit: AuditLog, clock: Clock, vigil: Vigil, sequencer: Sequencer
) -> None:
    vigil.start(SETTINGS)
    vigil.start(SETTINGS)
    sequencer.run_once()
    Vigil(database, audit, clock).start(SETTINGS)
    Vigil(database, audit, clock).start(SETTINGS | {"slots": "4 (file)"})
    assert told(database, sequencer, AuditAction.SETTINGS_CHANGED) == [
        "port=8080 (flag)",
        "port=8080 (flag); slots=4 (file)",
    ]


def test_a_jump_that_could_not_be_recorded_is_seen_again(
    database: Database, vigil: Vigil, clock: Clock, sequencer: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.move_hands(60)

    def full(**_: object) -> None:
        raise StorageFailed("full")

    with monkeypatch.context() as away:
        away.setattr(database, "write", full)
        with pytest.raises(StorageFailed):
            vigil.look()
    vigil.look()
    assert told(database, sequencer, AuditAction.CLOCK_JUMPED) == ["+60.0 s"]
