"""A log that was left alone verifies; any change to any part of it is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from appliance.audit.sequencer import Sequencer
from appliance.audit.verify import Report, verify
from appliance.egress.sealer import LocalSealer, read_verifier
from appliance.storage.engine import Database
from appliance.tlog.merkle import leaf_hash

ENTRIES = 9
COLUMNS = ("leaf", "id", "time", "action", "actor", "subject")


@pytest.fixture
def sealed(record: Callable[[int], None], sequencer: Sequencer) -> None:
    for count in (4, 3, 2):
        record(count)
        sequencer.run_once()


@pytest.fixture
def check(database: Database, sealer: LocalSealer, data_folder: Path) -> Callable[[], Report]:
    return lambda: verify(database, read_verifier(data_folder / "keys"), sealer.head())


def change(database: Database, statement: str, **values: object) -> None:
    with database.write() as session:
        session.execute(text(statement), values)


@pytest.mark.usefixtures("sealed")
def test_an_untouched_log_verifies(check: Callable[[], Report]) -> None:
    assert check() == Report(True, ENTRIES, 3, 0)


def test_entries_too_new_to_be_sealed_are_counted(
    check: Callable[[], Report], record: Callable[[int], None], sequencer: Sequencer
) -> None:
    record(2)
    sequencer.run_once()
    record(3)
    assert check() == Report(True, 2, 1, 3)


@pytest.mark.usefixtures("sealed")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    index=st.integers(0, ENTRIES - 1),
    column=st.sampled_from(COLUMNS),
    at=st.integers(0, 10_000),
    flip=st.integers(1, 127),
)
def test_a_flipped_byte_anywhere_in_an_entry_is_named(
    database: Database, check: Callable[[], Report], index: int, column: str, at: int, flip: int
) -> None:
    with database.read() as session:
        before = session.execute(
            text(f'SELECT {column} FROM audit_entries WHERE "index" = :i'),
            {"i": index},  # noqa: S608 - a fixed list
        ).scalar_one()
    data = bytearray(before if isinstance(before, bytes) else before.encode())
    data[at % len(data)] ^= flip
    after = bytes(data) if isinstance(before, bytes) else bytes(data).decode("latin-1")
    update = f'UPDATE audit_entries SET {column} = :v WHERE "index" = :i'  # noqa: S608 - a fixed list
    change(database, update, v=after, i=index)
    report = check()
    change(database, update, v=before, i=index)
    assert not report.ok
    assert report.first_bad == index
    assert check().ok


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ('DELETE FROM audit_entries WHERE "index" = 3', 3),
        ('DELETE FROM audit_entries WHERE "index" = 0', 0),
        ('DELETE FROM audit_entries WHERE "index" >= 7', 7),
        ('UPDATE audit_entries SET "index" = 100 WHERE "index" = 5', 5),
        ('UPDATE audit_entries SET "index" = -1 WHERE "index" = 5', -1),
        ('UPDATE audit_entries SET time = 5 WHERE "index" = 4', 4),
        ("UPDATE audit_entries SET leaf = 'text' WHERE \"index\" = 4", 4),
        ("UPDATE audit_tiles SET hashes = zeroblob(length(hashes))", 0),
        ("UPDATE audit_tiles SET hashes = hashes || zeroblob(32)", 0),
        ("DELETE FROM audit_tiles", 0),
        ('INSERT INTO audit_tiles (level, "index", hashes) VALUES (3, 0, zeroblob(32))', ENTRIES),
        ("UPDATE audit_checkpoints SET note = replace(note, '7', '8') WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET size = 8 WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET note = '' WHERE size = 4", 0),
    ],
)
def test_a_change_beyond_a_byte_is_named(
    database: Database, check: Callable[[], Report], statement: str, named: int
) -> None:
    change(database, statement)
    report = check()
    assert not report.ok
    assert report.first_bad == named


@pytest.mark.usefixtures("sealed")
def test_two_swapped_entries_are_named(database: Database, check: Callable[[], Report]) -> None:
    change(database, 'UPDATE audit_entries SET "index" = 1000 WHERE "index" = 2')
    change(database, 'UPDATE audit_entries SET "index" = 2 WHERE "index" = 6')
    change(database, 'UPDATE audit_entries SET "index" = 6 WHERE "index" = 1000')
    assert check().first_bad == 2


@pytest.mark.usefixtures("sealed")
def test_a_tail_cut_off_with_its_checkpoints_is_noticed_by_the_sealers_head(
    database: Database, check: Callable[[], Report]
) -> None:
    change(database, 'DELETE FROM audit_entries WHERE "index" >= 7')
    change(database, "DELETE FROM audit_checkpoints WHERE size > 7")
    change(database, "UPDATE audit_tiles SET hashes = substr(hashes, 1, 224)")
    report = check()
    assert report.first_bad == 7
    assert "9 entries" in report.problem


@pytest.mark.usefixtures("sealed")
def test_an_entry_rewritten_with_its_hash_is_caught_by_the_signature(
    database: Database, check: Callable[[], Report]
) -> None:
    with database.read() as session:
        leaf = session.execute(text('SELECT leaf FROM audit_entries WHERE "index" = 5')).scalar_one()
        tile = session.execute(text("SELECT hashes FROM audit_tiles WHERE level = 0")).scalar_one()
    forged = json.dumps(
        json.loads(leaf) | {"object": "conversation:2"}, sort_keys=True, separators=(",", ":")
    ).encode()
    change(database, 'UPDATE audit_entries SET leaf = :v WHERE "index" = 5', v=forged)
    change(database, "UPDATE audit_tiles SET hashes = :v", v=tile[:160] + leaf_hash(forged) + tile[192:])
    report = check()
    assert not report.ok
    assert report.first_bad == 4  # the first entry under the checkpoint that does not match
    assert "6" in report.problem
