"""Writers append to a log on PostgreSQL while it is sequenced and signed, until they are killed."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from appliance.audit.reading import entries
from appliance.audit.sequencer import BATCH, BATCHES_A_RUN, Sequencer
from appliance.audit.verify import verify
from appliance.clock import SystemClock
from appliance.egress.logfolder import HEAD_FILE, read_head, read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.protocol.sealing import Head
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from benchmarks.registry import Bar, Measurement, Scale
from tests.postgres import cluster

PROCESSES = 4
GROUP = 256  # as for SQLite
DURABLE = ("fsync=on", "synchronous_commit=on")
ROOT = Path(__file__).parents[2]


def appends(scale: Scale) -> dict[str, float]:
    """Acknowledged entries a second of 4 writers, one a transaction and GROUP a transaction, and of 16.

    `lost`: acknowledged and not in the log; `bad`: logs that do not verify, gaps among them.
    """
    seconds = scale.of(12, 1)
    single, grouped, many = _written(1, 1, seconds), _written(GROUP, 1, seconds), _written(GROUP, 4, seconds)
    return {
        "single_per_s": single["acknowledged"] / single["took"],
        "grouped_per_s": grouped["acknowledged"] / grouped["took"],
        "sequenced_meanwhile_per_s": grouped["sequenced"] / grouped["took"],
        "sealed_per_s": grouped["sealed_per_s"],
        "sixteen_per_s": many["acknowledged"] / many["took"],
        "lost": single["lost"] + grouped["lost"] + many["lost"],
        "bad": single["bad"] + grouped["bad"] + many["bad"],
    }


def _written(group: int, threads: int, seconds: float) -> dict[str, float]:
    """What the writers got done in that time: they are killed in the midst of it, and the log is checked."""
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder, cluster(*DURABLE) as server:
        keys = Path(folder) / "keys"
        keys.mkdir(mode=0o700)
        url = server.fresh()
        database = Database(url)
        try:
            migrate.upgrade(database)
            Vault.open(keys, SystemClock())  # one root key before the writers come
            sequencer = Sequencer(database, LocalSealer(keys))
            said, took, sequenced = _race(keys, url, (group, threads), seconds, sequencer)
            began, rest = time.perf_counter(), 0
            while sequencer.run_once() == BATCH * BATCHES_A_RUN:
                rest += BATCH * BATCHES_A_RUN
            drained = time.perf_counter() - began
            return {
                "acknowledged": len(said),
                "took": took,
                "sequenced": sequenced,
                "sealed_per_s": rest / drained,
                "lost": len(said - {leaf.id for leaf in entries(database, 0, 10_000_000)}),
                "bad": 0 if _sound(database, keys) else 1,
            }
        finally:
            database.close()


def _race(
    keys: Path, url: str, work: tuple[int, int], seconds: float, sequencer: Sequencer
) -> tuple[set[str], float, int]:
    """(acknowledged ids, seconds, entries sequenced meanwhile), counted from the first acknowledgement."""
    said: list[str] = []
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.audit_writer", str(keys), url, *map(str, work)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    readers = [threading.Thread(target=_listen, args=(writer, said)) for writer in writers]
    for reader in readers:
        reader.start()
    while not said:
        sequencer.run_once()
    began, sequenced = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        sequenced += sequencer.run_once()
    took = time.perf_counter() - began
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
    for writer, reader in zip(writers, readers, strict=True):
        writer.wait()
        reader.join()
    return set(said), took, sequenced


def _listen(writer: subprocess.Popen[str], said: list[str]) -> None:
    with writer.stdout as lines:  # type: ignore[union-attr] # a pipe was asked for
        for line in lines:
            said.extend(line.split() if line.endswith("\n") else ())


def _sound(database: Database, keys: Path) -> bool:
    verifier = read_verifier(keys)
    size, root = read_head(keys / HEAD_FILE)
    report = verify(database, verifier, Head(size, root, str(verifier)))
    return report.ok and report.unsealed == 0


WORKLOADS = (
    Measurement(
        "audit-appends-postgresql",
        "durable appends by 4 and by 16 writers on PostgreSQL, killed with SIGKILL in the midst",
        appends,
        bars=(
            Bar("grouped_per_s", 6000, "at least"),
            Bar("lost", 0, "at most"),
            Bar("bad", 0, "at most"),
        ),
    ),
)
