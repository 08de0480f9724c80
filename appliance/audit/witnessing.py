"""Being a witness of other logs over HTTP: C2SP tlog-witness, over the folder DATA/witness.

There is none until `appliance witness init --dir DATA/witness` makes one: off by default. Whoever
asks is anybody; what is cosigned is decided by the other log's signature alone. Our own log records
each checkpoint that was cosigned and each attempt to show us another past.
"""

from pathlib import Path

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.clock import Clock
from appliance.core import Outcome, Principal
from appliance.evidence.faults import Unsound
from appliance.evidence.witness import WITNESS_STATE_FILE, cosign, read_witness
from appliance.storage.engine import Database
from appliance.tlog.note import told_checkpoint
from appliance.tlog.proof import ConsistencyProof

WITNESS_FOLDER = "witness"
REWRITTEN = frozenset({"fork", "witness-inconsistent"})


class Witnessing:
    """The service. Synchronous: it waits for the disk and for a lock."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, data: Path) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._folder = data / WITNESS_FOLDER

    @property
    def on(self) -> bool:
        return (self._folder / WITNESS_STATE_FILE).is_file()

    def add_checkpoint(self, asker: Principal, request: str) -> str:
        """The signature line for the checkpoint in a request. `Unsound` says why there is none.

        The checkpoint is on disk first, then in our log, then the line is given out; after a crash in
        between the same request gets its line.
        """
        try:
            note = cosign(self._folder, request, int(self._clock.now().timestamp()))
        except Unsound as bad:
            if bad.fault.code in REWRITTEN:
                self._record(asker, Outcome.REFUSED, request.rpartition("\n\n")[0], bad.fault.code)
            raise
        told = told_checkpoint(note)
        if told.size > ConsistencyProof.parse(request).old:  # asked again, nothing has changed
            self._record(asker, Outcome.ALLOWED, told.origin, f"size {told.size}")
        return note.splitlines(keepends=True)[-1]

    def size_of(self, request: str) -> int:
        """How many entries of the log in this request were cosigned last."""
        logs = read_witness(self._folder).logs
        return max((log.size for origin, log in logs.items() if f"\n\n{origin}\n" in request), default=0)

    def _record(self, asker: Principal, outcome: Outcome, origin: str, reason: str) -> None:
        entry = Entry(
            action=AuditAction.WITNESSED,
            actor=asker,
            outcome=outcome,
            object=f"log:{origin.rpartition(chr(10) * 2)[2].partition(chr(10))[0][:200]}",
            task="audit",
            reason=reason,
        )
        with self._database.write(shared=True) as session:
            self._audit.append(session, entry)
