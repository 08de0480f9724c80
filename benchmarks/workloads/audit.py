"""Appending to the audit log: entries a second, one transaction each and in groups; sealing them."""

import tempfile
import time
from pathlib import Path

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import BATCH, BATCHES_A_RUN, Sequencer
from appliance.clock import SystemClock
from appliance.core import SYSTEM, Outcome
from appliance.egress.sealer import LocalSealer
from appliance.ids import new_id
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from benchmarks.load import percentile
from benchmarks.registry import Bar, Measurement, Scale

GROUP = 256
ENTRY = Entry(action=AuditAction.PROMPT, actor=SYSTEM, outcome=Outcome.ALLOWED, object="benchmark")


def appends(scale: Scale) -> dict[str, float]:
    """Durable appends to a fresh log on this disk, then the time to sequence and sign them."""
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        keys = Path(folder) / "keys"
        keys.mkdir(mode=0o700)
        database = Database(f"sqlite:///{Path(folder) / 'naesil.db'}")
        migrate.upgrade(database)
        log = AuditLog(Vault.open(keys, SystemClock()), SystemClock(), new_id())
        sequencer = Sequencer(database, LocalSealer(keys))
        try:
            single = [_append(database, log, 1) for _ in range(scale.of(2000, 20))]
            groups = [_append(database, log, GROUP) for _ in range(scale.of(40, 2))]
            began = time.perf_counter()
            while sequencer.run_once() == BATCH * BATCHES_A_RUN:
                pass  # there is more
            sealing = time.perf_counter() - began
        finally:
            database.close()
    entries = len(single) + GROUP * len(groups)
    return {
        "single_per_s": len(single) / sum(single),
        "single_p99_ms": percentile(single, 99) * 1000,
        "grouped_per_s": GROUP * len(groups) / sum(groups),
        "sealed_per_s": entries / sealing,
    }


def _append(database: Database, log: AuditLog, count: int) -> float:
    began = time.perf_counter()
    with database.write() as session:
        for _ in range(count):
            log.append(session, ENTRY)
    return time.perf_counter() - began


WORKLOADS = (
    Measurement(
        "audit-appends",
        "durable appends to the audit log and sealing them",
        appends,
        bars=(
            Bar("grouped_per_s", 5000, "at least"),
            Bar("single_p99_ms", 10, "at most"),
            Bar("sealed_per_s", 5000, "at least"),
        ),
    ),
)
