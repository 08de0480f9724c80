"""What gate and broker report reaches the log once, in order, whatever the database does meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from appliance.audit.entry import Entry
from appliance.errors import StorageFailed
from appliance.protocol.egress import EgressEvent
from appliance.supervisor import journal
from appliance.supervisor.journal import EgressJournal


class Log:
    """Writes down entries, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.objects: list[str] = []
        self._failures = failures

    def append(self, entries: list[Entry]) -> None:
        if self._failures:
            self._failures -= 1
            raise StorageFailed("no room")
        self.objects += [entry.object for entry in entries]


def grants(count: int) -> list[EgressEvent]:
    return [EgressEvent(kind="grant", address=str(number), destination="db") for number in range(count)]


def expected(count: int) -> list[str]:
    return [f"destination:db connect:{number}" for number in range(count)]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def record(log: Log, count: int) -> None:
    kept = EgressJournal(log.append)
    for event in grants(count):
        kept.add(event)
    await kept.close()


def test_every_event_is_written_once_and_in_order() -> None:
    log = Log()
    run(record(log, 200))
    assert log.objects == expected(200)


def test_events_wait_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "AGAIN_S", 0.0)
    log = Log(failures=3)

    async def wait() -> None:
        kept = EgressJournal(log.append)
        for event in grants(100):
            kept.add(event)
        while len(log.objects) < 100:
            await asyncio.sleep(0)
        await kept.close()

    run(wait())
    assert log.objects == expected(100)


def test_closing_does_not_wait_for_a_database_that_stays_away() -> None:
    log = Log(failures=10_000)
    run(record(log, 10))
    assert log.objects == []
