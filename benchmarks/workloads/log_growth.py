"""Whether the log stays as cheap when it is long, and whole when its writer is killed at any moment."""

import multiprocessing
import os
import random
import sys
import tempfile
import time
from contextlib import closing
from multiprocessing import reduction
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, cast

from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.audit.tree import position
from appliance.audit.verify import verify
from appliance.clock import SystemClock
from appliance.egress.logfolder import read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.ids import new_id
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from benchmarks.registry import Bar, Measurement, Scale
from benchmarks.workloads.audit import ENTRY
from tests.audit.test_sequencer import WRITER

GROUP = 512
SAMPLES = 40  # groups timed at each size


def growth(scale: Scale) -> dict[str, float]:
    """Seconds to append, sequence and seal one entry in groups, after 1,000 entries and after a million."""
    long = scale.of(1_000_000, 3 * GROUP)
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as name:
        folder = _folder(name)
        with closing(Database(f"sqlite:///{folder / 'naesil.db'}")) as database:
            migrate.upgrade(database)
            log = AuditLog(Vault.open(folder / "keys", SystemClock()), SystemClock(), new_id())
            sequencer = Sequencer(database, LocalSealer(folder / "keys"))
            _fill(database, log, sequencer, 1000)
            short_s = _cost(database, log, sequencer)
            _fill(database, log, sequencer, long)
            long_s = _cost(database, log, sequencer)
    return {"short_us": short_s * 1e6, "long_us": long_s * 1e6, "long_to_short": long_s / short_s}


def kills(scale: Scale) -> dict[str, float]:
    """A writer that appends and seals is killed again and again; what it acknowledged must be there."""
    forking = multiprocessing.get_context("forkserver")  # each writer begins at once, with all imported
    forking.set_forkserver_preload([__name__])
    chance, total = random.Random(9162), scale.of(1000, 2)  # noqa: S311 - the same moments in every run
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as name:
        folder = _folder(name)
        with closing(Database(f"sqlite:///{folder / 'naesil.db'}")) as database:
            migrate.upgrade(database)
            vault = Vault.open(folder / "keys", SystemClock())
            with database.write() as session:
                vault.create_subject(session, "alice")
            waits = [chance.uniform(0.0, 0.3) for _ in range(total)]
            acknowledged = [line for after_s in waits for line in _killed(forking, folder, after_s)]
            sequencer = Sequencer(database, LocalSealer(folder / "keys"))
            while sequencer.run_once():
                pass
            report = verify(database, read_verifier(folder / "keys"), LocalSealer(folder / "keys").head())
            with database.read() as session:
                lost = sum(position(session, entry_id) is None for entry_id in acknowledged)
    return {"kills": total, "acknowledged": len(acknowledged), "lost": lost, "bad": 0 if report.ok else 1}


def _killed(forking: ForkServerContext, folder: Path, after_s: float) -> list[str]:
    """Entry ids that a writer acknowledged before it was killed, some time after its first."""
    ours, theirs = os.pipe()
    child = forking.Process(target=_write, args=(folder, cast(Any, reduction.DupFd)(theirs)))
    child.start()
    os.close(theirs)
    with open(ours, encoding="ascii") as lines:  # noqa: PTH123 - a pipe has no path
        first = lines.readline()
        if not first:
            raise AssertionError("the writer never began")
        time.sleep(after_s)
        child.kill()
        said = [first, *lines]
    child.join()
    child.close()
    return [line.strip() for line in said if line.endswith("\n")]


def _write(folder: Path, to: Any) -> None:
    """The writer of the log's own test, saying what it has done into a pipe."""
    sys.argv = ["writer", str(folder), f"sqlite:///{folder / 'naesil.db'}"]
    with open(to.detach(), "w", encoding="ascii") as sys.stdout:  # noqa: PTH123 - a pipe has no path
        exec(WRITER, {})  # noqa: S102 - our own test's source


def _fill(database: Database, log: AuditLog, sequencer: Sequencer, size: int) -> None:
    done = 0
    while done < size:
        _group(database, log, sequencer)
        done += GROUP


def _cost(database: Database, log: AuditLog, sequencer: Sequencer) -> float:
    """Median seconds an entry, over groups."""
    times = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        _group(database, log, sequencer)
        times.append((time.perf_counter() - began) / GROUP)
    return sorted(times)[SAMPLES // 2]


def _group(database: Database, log: AuditLog, sequencer: Sequencer) -> None:
    with database.write() as session:
        for _ in range(GROUP):
            log.append(session, ENTRY)
    sequencer.run_once()


def _folder(name: str) -> Path:
    (Path(name) / "keys").mkdir(mode=0o700)
    return Path(name)


WORKLOADS = (
    Measurement(
        "log-growth",
        "what an entry costs in a long log and in a short one",
        growth,
        bars=(Bar("long_to_short", 1.2, "at most"),),
    ),
    Measurement(
        "log-kills",
        "kills of the log's writer, and what was lost by them",
        kills,
        bars=(Bar("lost", 0, "at most"), Bar("bad", 0, "at most")),
    ),
)
