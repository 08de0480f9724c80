"""What the supervisor reported, into the audit log: kept until it is written, whatever the database does."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.core import SYSTEM, Outcome
from appliance.errors import NaesilError
from appliance.protocol.egress import EgressEvent

MOST_WAITING = 10_000  # the gate counts repeats, so these are minutes of the worst
AGAIN_S = 1.0
BATCH = 64
log = logging.getLogger(__name__)

_ACTIONS = {
    "grant": (AuditAction.EGRESS_GRANTED, Outcome.ALLOWED),
    "deny": (AuditAction.EGRESS_DENIED, Outcome.REFUSED),
    "fail": (AuditAction.EGRESS_FAILED, Outcome.FAILED),
    "carry": (AuditAction.EGRESS_CARRIED, Outcome.ALLOWED),
    "close": (AuditAction.EGRESS_CLOSED, Outcome.ALLOWED),
}


@dataclass(slots=True)
class EgressTotals:
    """Sums since this web process started."""

    grants: int = 0
    denials: int = 0
    failures: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    def add(self, event: EgressEvent) -> None:
        self.grants += event.kind == "grant"
        self.denials += event.count if event.kind == "deny" else 0
        self.failures += event.count if event.kind == "fail" else 0
        self.bytes_out += event.bytes_out
        self.bytes_in += event.bytes_in


class EgressJournal:
    """Owned by web's event loop. `append` writes entries in one transaction and may fail."""

    def __init__(self, append: Callable[[list[Entry]], None]) -> None:
        self._append = append
        self._waiting: deque[Entry] = deque(maxlen=MOST_WAITING)
        self._writing: asyncio.Task[None] | None = None
        self._closing = False
        self.totals = EgressTotals()

    def add(self, event: EgressEvent) -> None:
        self.totals.add(event)
        self.record(entry(event))

    def record(self, entry: Entry) -> None:
        """Something that happened all the same, so it waits for the log and not the log for it."""
        if len(self._waiting) == MOST_WAITING:
            log.error("events are lost: the audit log cannot be written")
        self._waiting.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """What is waiting is written once more, if that is possible; a write under way is not torn off."""
        self._closing = True
        if self._writing is not None:
            await self._writing
        while self._waiting and await self._write_some():
            pass

    async def _write(self) -> None:
        while self._waiting and not self._closing:
            if not await self._write_some():
                await asyncio.sleep(AGAIN_S)

    async def _write_some(self) -> bool:
        """A batch. After a crash in here an event may be lost with the process, never written twice."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            await asyncio.to_thread(self._append, batch)
        except NaesilError as error:
            log.warning("events wait for the audit log: %s", error)
            self._waiting.extendleft(reversed(batch))
            return False
        return True


def entry(event: EgressEvent) -> Entry:
    """The event as the log records it."""
    action, outcome = _ACTIONS[event.kind]
    place = f"destination:{event.destination} " if event.destination else ""
    return Entry(
        action=action,
        actor=SYSTEM,
        outcome=outcome,
        object=f"{place}{event.call}:{event.address}",
        reason=_details(event),
    )


def _details(event: EgressEvent) -> str:
    details = [event.reason] if event.reason else []
    if event.pid:
        details.append(f"thread={event.pid}")
    if event.kind in ("deny", "fail"):
        details.append(f"count={event.count}")
    if event.kind in ("carry", "close"):
        details.append(f"bytes_out={event.bytes_out} bytes_in={event.bytes_in} seconds={event.seconds}")
    return "; ".join(details)
