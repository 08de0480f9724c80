"""Web's side of the guard's findings: into the audit log, onto the disk, and onto the console's page."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.core import SYSTEM, Outcome
from appliance.egress.status import ProcessStatus, Status
from appliance.errors import N_, NaesilError, Unavailable
from appliance.supervisor.control import Control
from appliance.supervisor.findings import Attested, Found, Heartbeat, Probed
from appliance.supervisor.journal import EgressTotals
from appliance.supervisor.spec import Report

MOST_NAMED = 20
PATIENCE_S = 60.0
log = logging.getLogger(__name__)


class Proofs:
    """Owned by web's event loop. `append` writes one entry in a transaction of its own and may fail."""

    def __init__(self, append: Callable[[Entry], str], folder: Path, totals: EgressTotals) -> None:
        self._append = append
        self._folder = folder
        self._totals = totals
        self._control: Control | None = None
        self._numbers = count(1)
        self._asked: dict[str, asyncio.Future[Any]] = {}

    def use(self, control: Control) -> None:
        self._control = control

    async def on_report(self, report: Report) -> None:
        """A finding to record, or the answer to a question of ours."""
        if report.ask == "record":
            await self._record(report)
        elif (waiting := self._asked.pop(report.request, None)) is not None and not waiting.done():
            waiting.set_result(msgspec.json.decode(report.body))

    async def ask(self, what: str) -> Any:
        """Ask the supervisor for `status`, `probe` or `attest`. Raises Unavailable with its reason."""
        if self._control is None:
            raise _away()
        request = f"web-{next(self._numbers)}"
        self._asked[request] = asyncio.get_running_loop().create_future()
        self._control.say(Report(request=request, ask=what))
        try:
            answer = await asyncio.wait_for(self._asked[request], PATIENCE_S)
        except TimeoutError:
            raise _away() from None
        finally:
            self._asked.pop(request, None)
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer

    async def _record(self, report: Report) -> None:
        """Answers with the entry's id, or with nothing when it could not be written."""
        entry: str | None = None
        try:
            found = msgspec.json.decode(report.body, type=Found)
            entry = await asyncio.to_thread(self._write, found)
        except (NaesilError, OSError, msgspec.DecodeError) as error:
            log.error("a finding of the guard was not recorded: %s", type(error).__name__)
        if self._control is not None:
            body = msgspec.Raw(msgspec.json.encode(entry))
            self._control.say(Report(request=report.request, body=body))

    def _write(self, found: Found) -> str:
        """The note's file first: an entry never speaks of a note that is not there. In a thread."""
        if isinstance(found, Attested):
            keep(found, self._folder)
        return self._append(entry_for(found, _traffic(self._totals)))


def entry_for(found: Found, traffic: str) -> Entry:
    """The entry of a finding. `traffic`: what web's journal says that gate and broker did so far."""
    if isinstance(found, Probed):
        return _probed(found)
    if isinstance(found, Heartbeat):
        return _heartbeat(found.status, traffic)
    return Entry(
        action=AuditAction.EGRESS_ATTESTED,
        actor=SYSTEM,
        outcome=Outcome.ALLOWED if found.ok else Outcome.FAILED,
        object=f"attestation:{sha256(found.note.encode()).hexdigest()}",
        guard_level=found.level,
    )


def keep(found: Attested, folder: Path) -> Path:
    """The note as a file; called before its entry is committed, so an entry's note is never missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{time}-{sha256(found.note.encode()).hexdigest()[:12]}.txt"
    path.write_text(found.note, "utf-8")
    return path


def _probed(found: Probed) -> Entry:
    result = found.result
    named = [f"{row.process}:{row.technique}" for row in result.leaks][:MOST_NAMED]
    return Entry(
        action=AuditAction.EGRESS_PROBED,
        actor=SYSTEM,
        outcome=Outcome.ALLOWED if result.ok else Outcome.FAILED,
        object=f"occasion:{found.occasion}",
        reason="; ".join(
            [
                f"blocked={len(result.rows) - len(result.leaks)} leaked={len(result.leaks)} "
                f"void={len(result.void)} heard={len(result.heard)}",
                *named,
            ]
        ),
    )


def _heartbeat(status: Status, traffic: str) -> Entry:
    return Entry(
        action=AuditAction.EGRESS_HEARTBEAT,
        actor=SYSTEM,
        outcome=Outcome.ALLOWED,
        object="guard",
        reason="; ".join([*(_one(process) for process in status.processes), traffic]),
        guard_level=status.level,
    )


def _one(process: ProcessStatus) -> str:
    """Level, sockets by kind, packets that the process's own namespace has sent."""
    kinds = sorted(sock.kind for sock in process.facts.sockets or ())
    census = ",".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    sent = (
        "the host's" if not process.facts.own or "net" not in process.facts.own else process.facts.packets_out
    )
    return f"{process.process}: {process.level}, sockets {census or 'none'}, packets {sent}"


def _traffic(totals: EgressTotals) -> str:
    return (
        f"grants={totals.grants} denials={totals.denials} "
        f"bytes_out={totals.bytes_out} bytes_in={totals.bytes_in}"
    )


def _away() -> Unavailable:
    return Unavailable(N_("The supervisor did not answer. Try again in a moment."))
