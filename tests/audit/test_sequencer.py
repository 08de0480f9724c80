"""What was accepted gets its place once, whatever fails in between, and one sequencer does it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, text

from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import BATCH, Sequencer, SequencerThread, sequencer_lock
from appliance.audit.verify import Report
from appliance.egress.sealer import LocalSealer
from appliance.errors import StorageFailed
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database
from tests.audit.conftest import PROMPT

Check = Callable[[], Report]
Record = Callable[[int], None]


class FailingSealer:
    """A sealer that fails before or after it signed, a number of times."""

    def __init__(self, sealer: LocalSealer, *, after_signing: bool = False, times: int = 1) -> None:
        self._sealer = sealer
        self._after = after_signing
        self._left = times

    def head(self) -> Head:
        return self._sealer.head()

    def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
        if self._left and not self._after:
            self._left -= 1
            raise StorageFailed("away")
        note = self._sealer.sign(size, root, proof)
        if self._left:
            self._left -= 1
            raise StorageFailed("died after it signed")
        return note


@pytest.fixture
def run_folder(data_folder: Path) -> Path:
    folder = data_folder / "run"
    folder.mkdir()
    return folder


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_nothing_accepted_is_nothing_to_do(sequencer: Sequencer, check: Check) -> None:
    assert sequencer.run_once() == 0
    assert check() == Report(True, 0, 0, 0)


def test_more_than_a_batch_is_sequenced_under_one_checkpoint(
    sequencer: Sequencer, record: Record, check: Check
) -> None:
    record(BATCH * 2 + 3)
    assert sequencer.run_once() == BATCH * 2 + 3
    assert check() == Report(True, BATCH * 2 + 3, 1, 0)


def test_entries_keep_the_order_they_were_accepted_in(
    database: Database, audit: AuditLog, sequencer: Sequencer
) -> None:
    ids = []
    for _ in range(5):
        with database.write() as session:
            ids += [audit.append(session, PROMPT), audit.append(session, PROMPT)]
    sequencer.run_once()
    assert [leaf.id for leaf in entries(database, 0, 20)] == ids


@pytest.mark.parametrize("after_signing", [False, True])
def test_a_sealer_that_dies_is_asked_again(
    database: Database, sealer: LocalSealer, record: Record, check: Check, *, after_signing: bool
) -> None:
    sequencer = Sequencer(database, FailingSealer(sealer, after_signing=after_signing))
    record(3)
    with pytest.raises(StorageFailed):
        sequencer.run_once()
    assert check() == Report(True, 3, 0, 3)
    record(2)
    assert sequencer.run_once() == 2
    assert check() == Report(True, 5, 1, 0)


def test_a_crash_between_signature_and_checkpoint_is_mended_by_the_same_signature(
    database: Database, sealer: LocalSealer, record: Record, check: Check
) -> None:
    record(3)
    with pytest.raises(StorageFailed):
        Sequencer(database, FailingSealer(sealer, after_signing=True)).run_once()
    assert Sequencer(database, sealer).run_once() == 0
    assert check() == Report(True, 3, 1, 0)


@pytest.mark.parametrize("table", ["audit_entries", "audit_tiles", "audit_outbox", "audit_checkpoints"])
def test_a_crash_at_any_write_leaves_what_the_next_run_completes(
    database: Database, sealer: LocalSealer, record: Record, check: Check, table: str
) -> None:
    record(2)
    Sequencer(database, sealer).run_once()
    record(3)

    def crash(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if table in statement and not statement.startswith("SELECT"):
            raise KeyboardInterrupt

    event.listen(database.engine, "before_cursor_execute", crash)
    with pytest.raises(KeyboardInterrupt):
        Sequencer(database, sealer).run_once()
    event.remove(database.engine, "before_cursor_execute", crash)
    assert check().ok
    Sequencer(database, sealer).run_once()
    assert check() == Report(True, 5, 2, 0)


@pytest.mark.parametrize("new", [1, 9])
def test_a_database_restored_from_an_older_backup_is_not_built_upon(
    database: Database, sealer: LocalSealer, record: Record, check: Check, new: int
) -> None:
    record(2)
    Sequencer(database, sealer).run_once()
    record(3)
    Sequencer(database, sealer).run_once()
    with database.write() as session:
        for statement in (
            'DELETE FROM audit_entries WHERE "index" >= 2',
            "DELETE FROM audit_checkpoints WHERE size > 2",
            "UPDATE audit_tiles SET hashes = substr(hashes, 1, 64)",
        ):
            session.execute(text(statement))
    record(new)
    with pytest.raises(StorageFailed, match="fewer entries"):
        Sequencer(database, sealer).run_once()
    assert (check().entries, check().first_bad) == (2, 2)


@pytest.mark.sqlite_only
def test_a_database_of_another_history_is_not_built_upon(
    database: Database, sequencer: Sequencer, record: Record
) -> None:
    record(3)
    sequencer.run_once()
    record(1)
    with database.write() as session:
        session.execute(text("UPDATE audit_tiles SET hashes = zeroblob(length(hashes))"))
    with pytest.raises(StorageFailed, match="not the one that was signed"):
        sequencer.run_once()
    assert len(entries(database, 0, 10)) == 3


def test_while_the_sealer_is_away_accepted_entries_wait(
    database: Database, sealer: LocalSealer, record: Record, check: Check
) -> None:
    class Away(FailingSealer):
        def head(self) -> Head:
            raise StorageFailed("away")

    record(3)
    with pytest.raises(StorageFailed, match="away"):
        Sequencer(database, Away(sealer)).run_once()
    assert check() == Report(True, 0, 0, 3)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_outbox SET body = x'7b7d'",
        "UPDATE audit_tiles SET hashes = x''",
        "DELETE FROM audit_tiles",
    ],
)
def test_a_damaged_database_is_not_built_upon(
    database: Database, sequencer: Sequencer, record: Record, statement: str
) -> None:
    record(3)
    sequencer.run_once()
    record(1)
    with database.write() as session:
        session.execute(text(statement))
    with pytest.raises(StorageFailed, match="damaged"):
        sequencer.run_once()
    assert len(entries(database, 0, 10)) == 3


def test_a_sealer_that_signs_something_else_gets_no_checkpoint_stored(
    database: Database, sealer: LocalSealer, record: Record
) -> None:
    class Liar(FailingSealer):
        def sign(self, size: int, root: bytes, proof: tuple[bytes, ...]) -> str:
            return super().sign(size, root, proof).replace(f"\n{size}\n", f"\n{size + 1}\n")

    record(1)
    with pytest.raises(StorageFailed, match="something else"):
        Sequencer(database, Liar(sealer, times=0)).run_once()


def test_a_sequencer_that_was_replaced_writes_nothing_more(
    database: Database, sealer: LocalSealer, record: Record, check: Check
) -> None:
    old, new = Sequencer(database, sealer), Sequencer(database, sealer)
    record(1)
    old.run_once()
    record(1)
    new.run_once()
    record(1)
    with pytest.raises(StorageFailed, match="taken over"):
        old.run_once()
    assert new.run_once() == 1
    assert check() == Report(True, 3, 3, 0)


def test_the_lock_has_one_holder(database: Database, run_folder: Path) -> None:
    with sequencer_lock(database, run_folder) as first:
        assert first is not None
        with sequencer_lock(database, run_folder) as second:
            assert second is None
    with sequencer_lock(database, run_folder) as third:
        assert third is not None


def test_the_thread_seals_what_is_accepted_and_what_is_left_at_the_end(
    database: Database, sealer: LocalSealer, run_folder: Path, record: Record, check: Check
) -> None:
    thread = SequencerThread(database, sealer, run_folder)
    thread.start()
    record(2)
    eventually(lambda: check().checkpoints == 1)
    record(1)
    thread.stop()
    assert check().unsealed == 0
    assert check().entries == 3


def test_the_thread_says_once_what_fails_and_goes_on(
    database: Database,
    sealer: LocalSealer,
    run_folder: Path,
    record: Record,
    check: Check,
    caplog: pytest.LogCaptureFixture,
) -> None:
    thread = SequencerThread(database, FailingSealer(sealer, times=3), run_folder)
    record(1)
    with caplog.at_level(logging.WARNING):
        thread.start()
        eventually(lambda: check().unsealed == 0)
        eventually(lambda: len(caplog.messages) == 2)
        thread.stop()
    assert caplog.messages == [
        "the audit log is not being sealed: away",
        "the audit log is being sealed again",
    ]


def test_an_unexpected_error_does_not_end_the_thread(
    database: Database, sealer: LocalSealer, run_folder: Path, record: Record, check: Check
) -> None:
    class Broken(FailingSealer):
        def head(self) -> Head:
            if self._left:
                self._left -= 1
                raise ZeroDivisionError
            return super().head()

    thread = SequencerThread(database, Broken(sealer), run_folder)
    record(1)
    thread.start()
    eventually(lambda: check().checkpoints == 1)
    thread.stop()


def test_a_thread_that_never_got_the_lock_stops_all_the_same(
    database: Database, sealer: LocalSealer, run_folder: Path, record: Record, check: Check
) -> None:
    record(1)
    with sequencer_lock(database, run_folder):
        thread = SequencerThread(database, sealer, run_folder)
        thread.start()
        thread.stop()
    assert check().unsealed == 1


WRITER = """
import sys
from pathlib import Path
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.clock import SystemClock
from appliance.egress.sealer import LocalSealer
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.audit.conftest import PROMPT

folder = Path(sys.argv[1])
database = Database(sys.argv[2])
audit = AuditLog(Vault.open(folder / "keys", SystemClock()), SystemClock(), "boot")
sequencer = Sequencer(database, LocalSealer(folder / "keys"))
while True:
    with database.write() as session:
        acknowledged = audit.append(session, PROMPT, text="question")
    print(acknowledged, flush=True)
    sequencer.run_once()
"""


def test_a_killed_process_loses_nothing_it_acknowledged(
    database: Database, database_url: str, data_folder: Path, record: Record, check: Check
) -> None:
    record(1)
    acknowledged: list[str] = []
    for round_ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data_folder), database_url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        acknowledged.append(writer.stdout.readline().strip())
        time.sleep(0.013 * round_)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    Sequencer(database, LocalSealer(data_folder / "keys")).run_once()
    report = check()
    assert (report.ok, report.unsealed) == (True, 0)
    assert set(acknowledged) <= {leaf.id for leaf in entries(database, 0, report.entries)}
