"""The log on PostgreSQL: many writers, killed ones, a killed server, an office that changes hands."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer, SequencerThread
from appliance.audit.verify import Report
from appliance.egress.sealer import LocalSealer
from appliance.errors import StorageFailed
from appliance.storage import migrate
from appliance.storage.engine import Database
from tests.audit.conftest import PROMPT
from tests.postgres import cluster

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

Check = Callable[[], Report]
Record = Callable[[int], None]
PROCESSES = 4

WRITER = """
import sys
import threading
from pathlib import Path
from appliance.audit.log import AuditLog
from appliance.clock import SystemClock
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.audit.conftest import PROMPT

database = Database(sys.argv[2])
audit = AuditLog(Vault.open(Path(sys.argv[1]) / "keys", SystemClock()), SystemClock(), "boot")

def write():
    while True:
        with database.write(shared=True) as session:
            acknowledged = audit.append(session, PROMPT, text="question")
        print(acknowledged + "\\n", end="", flush=True)

for _ in range(4):
    threading.Thread(target=write).start()
"""


@pytest.fixture
def writers(data_folder: Path, database_url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that append as fast as they can and print what was acknowledged."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data_folder), database_url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(PROCESSES)
    ]
    yield started
    for writer in started:
        writer.kill()
        writer.wait()
        assert writer.stdout is not None
        writer.stdout.close()


@on_postgresql
def test_sixteen_writers_killed_at_random_leave_no_gap_and_lose_nothing_acknowledged(
    database: Database,
    data_folder: Path,
    record: Record,
    check: Check,
    writers: list[subprocess.Popen[str]],
) -> None:
    record(1)
    said: list[str] = []

    def listen(writer: subprocess.Popen[str]) -> None:
        said.extend(line.strip() for line in writer.stdout or () if line.endswith("\n") and len(line) == 37)

    listeners = [threading.Thread(target=listen, args=(writer,)) for writer in writers]
    for listener in listeners:
        listener.start()
    sequencer = Sequencer(database, LocalSealer(data_folder / "keys"))
    while len(said) < 300:
        sequencer.run_once()
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
    for listener in listeners:
        listener.join()
    sequencer.run_once()
    report = check()
    assert (report.ok, report.unsealed, report.problem) == (True, 0, "")
    leaves = entries(database, 0, report.entries + 1)
    assert [leaf.index for leaf in leaves] == list(range(report.entries))
    assert set(said) <= {leaf.id for leaf in leaves}


@on_postgresql
def test_an_entry_that_commits_late_gets_the_next_place(
    database: Database, audit: AuditLog, data_folder: Path, record: Record, check: Check
) -> None:
    record(1)
    sequencer = Sequencer(database, LocalSealer(data_folder / "keys"))
    sequencer.run_once()  # takes office, alone
    with database.write(shared=True) as late:
        last = audit.append(late, PROMPT)
        with database.write(shared=True) as session:
            first = audit.append(session, PROMPT)
        assert sequencer.run_once() == 1
    assert sequencer.run_once() == 1
    assert [leaf.id for leaf in entries(database, 1, 9)] == [first, last]
    assert check().ok


@on_postgresql
def test_the_office_passes_on_when_its_holder_loses_the_database(
    database: Database, database_url: str, data_folder: Path, record: Record, check: Check, tmp_path: Path
) -> None:
    """Two nodes, each with a run folder of its own: file locks do not reach from one to the other."""
    other = Database(database_url)
    threads = []
    for name, on in (("one", database), ("two", other)):
        (tmp_path / name).mkdir()
        threads.append(SequencerThread(on, LocalSealer(data_folder / "keys"), tmp_path / name))
    for thread in threads:
        thread.start()
    for size in (1, 2, 3):
        record(1)
        _eventually(lambda size=size: check().unsealed == 0 and check().entries == size)  # type: ignore[misc]  # a default is how a loop variable is kept
        with database.write() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l "
                    "JOIN pg_database d ON l.database = d.oid "
                    "WHERE l.locktype = 'advisory' AND d.datname = current_database() "
                    "AND l.pid <> pg_backend_pid()"
                )
            )
    for thread in threads:
        thread.stop()
    other.close()
    assert check().ok


@pytest.mark.parametrize("shared", [False, True])
def test_a_killed_server_fails_closed_and_serves_again_when_it_is_back(
    data_folder: Path, audit: AuditLog, *, shared: bool
) -> None:
    with cluster() as own:
        database = Database(own.fresh())
        migrate.upgrade(database)
        with database.write() as session:
            before = audit.append(session, PROMPT)
        own.kill()
        for _ in range(3):
            with (
                pytest.raises(StorageFailed, match="does not answer"),
                database.write(shared=shared) as session,
            ):
                audit.append(session, PROMPT)
        own.start()
        with database.write(shared=shared) as session:
            after = audit.append(session, PROMPT)
        Sequencer(database, LocalSealer(data_folder / "keys")).run_once()
        assert [leaf.id for leaf in entries(database, 0, 9)] == [before, after]
        database.close()


def _eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
