"""Web's side of the guard's findings: into the audit log, onto the disk, and onto the console's page."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

import msgspec

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.core import SYSTEM, Outcome, Principal
from appliance.egress.proving import Attestations, Attested, LastProbe, ProbeResult
from appliance.egress.status import ProcessStatus, Status
from appliance.errors import N_, NaesilError, Unavailable
from appliance.supervisor.control import Control
from appliance.supervisor.findings import Found, Heartbeat, Probed, Signed
from appliance.supervisor.journal import EgressTotals
from appliance.supervisor.spec import Report

MOST_NAMED = 20
PATIENCE_S = 60.0
NOTHING = msgspec.Raw(b"null")
log = logging.getLogger(__name__)


class _Refusal(msgspec.Struct):
    """The part of an answer that says why there is none."""

    error: str = ""


class Proofs:
    """Owned by web's event loop. `append` writes one entry in a transaction of its own and may fail."""

    def __init__(
        self, append: Callable[[Entry], str], attestations: Attestations, totals: EgressTotals
    ) -> None:
        self._append = append
        self._attestations = attestations
        self._totals = totals
        self._control: Control | None = None
        self._numbers = count(1)
        self._asked: dict[str, asyncio.Future[msgspec.Raw]] = {}
        self.last: LastProbe | None = None

    def use(self, control: Control) -> None:
        """Ask over this line, from the event loop that is running now."""
        self._control, self.loop = control, asyncio.get_running_loop()

    async def on_report(self, report: Report) -> None:
        """A finding to record, or the answer to a question of ours."""
        if report.ask == "record":
            await self._record(report)
        elif (waiting := self._asked.pop(report.request, None)) is not None and not waiting.done():
            waiting.set_result(report.body)

    async def status(self) -> Status:
        return msgspec.json.decode(await self._ask("status"), type=Status)

    async def probe(self, asked_by: Principal) -> ProbeResult:
        await self._note(asked_by, "probe")
        return msgspec.json.decode(await self._ask("probe"), type=ProbeResult)

    async def attest(self, asked_by: Principal) -> Attested:
        await self._note(asked_by, "attestation")
        return msgspec.json.decode(await self._ask("attest"), type=Attested)

    async def _note(self, asked_by: Principal, what: str) -> None:
        """Who asked for it; durable before it is done."""
        entry = Entry(
            action=AuditAction.EGRESS_PROOF_ASKED, actor=asked_by, outcome=Outcome.ALLOWED, object=what
        )
        await asyncio.to_thread(self._append, entry)

    async def _ask(self, what: str) -> msgspec.Raw:
        """The supervisor's answer. Raises Unavailable with its reason when there is none."""
        answer = await self.ask(what)
        refusal = msgspec.json.decode(answer, type=_Refusal)
        if refusal.error:
            raise Unavailable(refusal.error)
        return answer

    async def ask(
        self, what: str, body: msgspec.Raw = NOTHING, patience_s: float = PATIENCE_S
    ) -> msgspec.Raw:
        """Whatever the supervisor says. Raises Unavailable when it says nothing."""
        if self._control is None:
            raise _away()
        request = f"web-{next(self._numbers)}"
        self._asked[request] = asyncio.get_running_loop().create_future()
        self._control.say(Report(request=request, ask=what, body=body))
        try:
            return await asyncio.wait_for(self._asked[request], patience_s)
        except TimeoutError:
            raise _away() from None
        finally:
            self._asked.pop(request, None)

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
        if isinstance(found, Signed):
            self._attestations.keep(found.note)
        entry = self._append(entry_for(found, _traffic(self._totals)))
        if isinstance(found, Probed):
            self.last = LastProbe(datetime.now(UTC), found.result)
        return entry


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
                f"void={len(result.void)} heard={len(result.heard)} denied={result.denied}",
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
