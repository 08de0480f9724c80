"""A log that was left alone verifies; any change to any part of it is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from appliance.audit import store
from appliance.audit.entry import decode
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.audit.sequencer import record as row_of
from appliance.audit.verify import Report, verify
from appliance.egress.logfolder import read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.storage.engine import Database
from appliance.tlog.merkle import leaf_hash
from appliance.tlog.note import Checkpoint, Signer
from appliance.tlog.tiles import extended
from tests.audit.conftest import PROMPT

ENTRIES = 9
COLUMNS = ("leaf", "id", "time", "action", "actor", "subject")
EXAMPLES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Check = Callable[[], Report]


@pytest.fixture
def sealed(record: Callable[[int], None], sequencer: Sequencer) -> None:
    for count in (4, 3, 2):
        record(count)
        sequencer.run_once()


def change(database: Database, *statements: str, **values: object) -> None:
    with database.write() as session:
        for statement in statements:
            session.execute(text(statement), values)


def value(database: Database, statement: str, **values: object) -> bytes:
    with database.read() as session:
        found: bytes = session.execute(text(statement), values).scalar_one()
        return found


@pytest.mark.usefixtures("sealed")
def test_an_untouched_log_verifies(check: Check) -> None:
    assert check() == Report(True, ENTRIES, 3, 0)


def test_entries_too_new_to_be_sealed_are_counted(
    check: Check, record: Callable[[int], None], sequencer: Sequencer
) -> None:
    record(2)
    sequencer.run_once()
    record(3)
    assert check() == Report(True, 2, 1, 3)


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("sealed")
@EXAMPLES
@given(
    index=st.integers(0, ENTRIES - 1),
    column=st.sampled_from(COLUMNS),
    at=st.integers(0, 10_000),
    flip=st.integers(1, 255),
)
def test_a_flipped_byte_anywhere_in_an_entry_is_named(
    database: Database, check: Check, index: int, column: str, at: int, flip: int
) -> None:
    kind = "BLOB" if column == "leaf" else "TEXT"
    select = f'SELECT CAST({column} AS BLOB) FROM audit_entries WHERE "index" = :i'  # noqa: S608 - a fixed list
    update = f'UPDATE audit_entries SET {column} = CAST(:v AS {kind}) WHERE "index" = :i'  # noqa: S608
    before = value(database, select, i=index)
    data = bytearray(before)
    data[at % len(data)] ^= flip
    change(database, update, v=bytes(data), i=index)
    report = check()
    change(database, update, v=before, i=index)
    assert not report.ok
    assert report.first_bad == index
    assert check().ok


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("sealed")
@EXAMPLES
@given(at=st.integers(0, 10_000), flip=st.integers(1, 255), table=st.sampled_from(["tiles", "checkpoints"]))
def test_a_flipped_byte_in_a_hash_or_a_signature_is_found(
    database: Database, check: Check, at: int, flip: int, table: str
) -> None:
    column, kind, row = (
        ("hashes", "BLOB", "level = 0")
        if table == "tiles"
        else ("note", "TEXT", f"size = {(4, 7, 9)[at % 3]}")
    )
    select = f"SELECT CAST({column} AS BLOB) FROM audit_{table} WHERE {row}"  # noqa: S608 - a fixed list
    update = f"UPDATE audit_{table} SET {column} = CAST(:v AS {kind}) WHERE {row}"  # noqa: S608
    before = value(database, select)
    data = bytearray(before)
    data[at % len(data)] ^= flip
    change(database, update, v=bytes(data))
    report = check()
    change(database, update, v=before)
    assert not report.ok
    if table == "tiles":
        assert report.first_bad == at % len(data) // 32
    assert check().ok


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("sealed")
def test_a_flipped_byte_in_the_file_itself_is_found_wherever_the_entry_is_repeated(
    database: Database, check: Check
) -> None:
    """The same id, time or action stands in the row, in the leaf and in SQLite's indexes."""
    path = Path(str(database.engine.url.database))
    found = [value(database, f'SELECT id FROM audit_entries WHERE "index" = {at}') for at in range(ENTRIES)]  # noqa: S608
    change(database, "SELECT 1")
    database.engine.dispose()
    pristine, places = path.read_bytes(), 0
    for index, entry_id in enumerate(found):
        needle, at = str(entry_id).encode(), -1
        while (at := pristine.find(needle, at + 1)) >= 0:
            places += 1
            damaged = bytearray(pristine)
            damaged[at + 20] ^= 1
            path.write_bytes(damaged)
            report = check()
            database.engine.dispose()
            assert not report.ok
            assert report.first_bad == index
    path.write_bytes(pristine)
    assert places >= 3 * ENTRIES
    assert check().ok


@pytest.mark.sqlite_only
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
        ('UPDATE audit_entries SET leaf = CAST(leaf AS TEXT) WHERE "index" = 4', 4),
        ('UPDATE audit_entries SET leaf = zeroblob(10000000) WHERE "index" = 4', 4),
        ('UPDATE audit_entries SET id = CAST(id AS BLOB) WHERE "index" = 4', 4),
        ("UPDATE audit_entries SET actor = CAST(x'ff' AS TEXT) WHERE \"index\" = 4", 4),
        ("UPDATE audit_tiles SET hashes = zeroblob(length(hashes))", 0),
        ("UPDATE audit_tiles SET hashes = 'text'", 0),
        ("UPDATE audit_tiles SET hashes = hashes || zeroblob(32)", 0),
        ("DELETE FROM audit_tiles", 0),
        ('INSERT INTO audit_tiles (level, "index", hashes) VALUES (3, 0, zeroblob(32))', ENTRIES),
        ("UPDATE audit_checkpoints SET note = replace(note, '7', '8') WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET note = CAST(note AS BLOB) WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET note = (SELECT min(note) FROM audit_checkpoints) WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET size = 8 WHERE size = 7", 4),
        ("UPDATE audit_checkpoints SET size = -3 WHERE size = 7", 0),
        ("UPDATE audit_checkpoints SET note = '' WHERE size = 4", 0),
        ("INSERT INTO audit_checkpoints (size, note) VALUES (0, '')", 0),
        ("INSERT INTO audit_checkpoints (size, note) VALUES (12, '')", 9),
    ],
)
def test_a_change_beyond_a_byte_is_named(
    database: Database, check: Check, statement: str, named: int
) -> None:
    change(database, statement)
    report = check()
    assert not report.ok
    assert report.first_bad == named
    assert report.problem


@pytest.mark.usefixtures("sealed")
@EXAMPLES
@given(first=st.integers(0, ENTRIES - 1), second=st.integers(0, ENTRIES - 1))
def test_two_swapped_entries_are_named(database: Database, check: Check, first: int, second: int) -> None:
    def swap() -> None:
        change(
            database,
            'UPDATE audit_entries SET "index" = 1000 WHERE "index" = :a',
            'UPDATE audit_entries SET "index" = :a WHERE "index" = :b',
            'UPDATE audit_entries SET "index" = :b WHERE "index" = 1000',
            a=first,
            b=second,
        )

    swap()
    report = check()
    swap()
    assert report.first_bad == (None if first == second else min(first, second))
    assert check().ok


@pytest.mark.usefixtures("sealed")
def test_a_tail_cut_off_with_its_checkpoints_is_noticed_by_the_sealers_head(
    database: Database, check: Check
) -> None:
    change(
        database,
        'DELETE FROM audit_entries WHERE "index" >= 7',
        "DELETE FROM audit_checkpoints WHERE size > 7",
        "UPDATE audit_tiles SET hashes = substr(hashes, 1, 224)",
    )
    report = check()
    assert report.first_bad == 7
    assert "9 entries" in report.problem


def forge(database: Database, at: int, /, **changed: object) -> None:
    """Rewrite an entry, its columns and its hash as a forger who knows the format would."""
    with database.write() as session:
        (row,) = store.entries(session, at, 1)
        leaf = json.dumps(
            json.loads(row.leaf) | changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        hashes = bytearray(store.tile(session, 0, 0))
        hashes[at * 32 : at * 32 + 32] = leaf_hash(leaf.encode())
        session.execute(
            text('UPDATE audit_entries SET leaf = :v WHERE "index" = :i'), {"v": leaf.encode(), "i": at}
        )
        store.put_tile(session, 0, 0, bytes(hashes))


@pytest.mark.usefixtures("sealed")
def test_an_entry_rewritten_with_its_hash_is_caught_by_the_signature(
    database: Database, check: Check
) -> None:
    forge(database, 5, object="conversation:2")
    report = check()
    assert not report.ok
    assert report.first_bad == 4  # the first entry under the checkpoint that does not match
    assert "up to 6" in report.problem


@pytest.mark.usefixtures("sealed")
def test_rewriting_everything_with_another_key_is_caught(
    database: Database, check: Check, data_folder: Path
) -> None:
    forge(database, 8, object="conversation:2")
    name = read_verifier(data_folder / "keys").name
    forger = Signer(name, bytes(32))
    note = value(database, "SELECT note FROM audit_checkpoints WHERE size = 9")
    forged = forger.sign(str(note).split("\n\n", 1)[0] + "\n")
    change(database, "UPDATE audit_checkpoints SET note = :v WHERE size = 9", v=forged)
    report = check()
    assert (report.ok, report.first_bad) == (False, 7)
    assert "signed by another key" in report.problem


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("changed", [{"index": 4}, {"index": 99}, {"x": 1}, {"v": 1.5}, {"actor": None}])
def test_a_forged_unsealed_leaf_that_says_something_odd_is_named(
    database: Database, check: Check, audit: AuditLog, changed: dict[str, object]
) -> None:
    with database.write() as session:
        audit.append(session, PROMPT)
    append_forged(database)
    assert (check().ok, check().unsealed) == (True, 1)  # the format is right; only no signature covers it
    forge(database, ENTRIES, **changed)
    assert (check().ok, check().first_bad) == (False, ENTRIES)


def append_forged(database: Database) -> None:
    """Move the accepted entry into the tree, tiles and all, without asking the sealer."""
    with database.write() as session:
        ((sequence, body),) = store.accepted(session, 1)
        size = store.tree_size(session)
        values = json.loads(body) | {"index": size}
        leaf = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        store.add_entries(session, [row_of(decode(leaf), leaf)])
        tile = store.tile(session, 0, 0)
        for level, index, hashes in list(extended(lambda _l, _i: tile, size, [leaf_hash(leaf)])):
            store.put_tile(session, level, index, hashes)
        store.remove_accepted(session, [sequence])


@pytest.mark.usefixtures("sealed")
def test_rows_appended_without_their_hashes_are_named(database: Database, check: Check) -> None:
    change(
        database,
        'INSERT INTO audit_entries SELECT "index" + 9, leaf, id || time, time, action, actor, subject,'
        " outcome, origin, model, request, detectors FROM audit_entries",
    )
    assert (check().ok, check().first_bad) == (False, ENTRIES)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE audit_tiles SET hashes = zeroblob(64) WHERE level = 1", 0),
        (
            "UPDATE audit_tiles SET hashes = CAST(substr(hashes, 1, 32) || zeroblob(32) AS BLOB)"
            " WHERE level = 1",
            256,
        ),
        ("UPDATE audit_tiles SET hashes = substr(hashes, 1, 32) WHERE level = 1", 0),
        ('UPDATE audit_tiles SET "index" = 7 WHERE level = 0 AND "index" = 1', 256),
        ('DELETE FROM audit_entries WHERE "index" = 511', 511),
        ("UPDATE audit_entries SET actor = CAST(x'ff' AS TEXT) WHERE \"index\" = 512", 512),
    ],
)
def test_a_tree_of_several_levels_is_checked_at_each(
    database: Database,
    check: Check,
    record: Callable[[int], None],
    sequencer: Sequencer,
    statement: str,
    named: int,
) -> None:
    for count in (200, 100, 300):
        record(count)
        sequencer.run_once()
    assert check() == Report(True, 600, 3, 0)
    change(database, statement)
    assert (check().ok, check().first_bad) == (False, named)


@pytest.mark.usefixtures("sealed")
def test_without_the_sealers_head_the_signatures_still_count(
    database: Database, sealer: LocalSealer, data_folder: Path
) -> None:
    assert sealer.head().size == ENTRIES
    assert verify(database, read_verifier(data_folder / "keys")).ok
    forge(database, 0, object="conversation:2")
    assert verify(database, read_verifier(data_folder / "keys")).first_bad == 0


@pytest.mark.usefixtures("sealed")
def test_a_checkpoint_kept_elsewhere_must_be_of_this_logs_past(database: Database, keys: Path) -> None:
    ring = read_verifier(keys)
    kept = ring.checkpoint(str(value(database, "SELECT note FROM audit_checkpoints WHERE size = 4")))
    assert verify(database, ring, since=[kept]).ok
    other = verify(database, ring, since=[kept, Checkpoint(kept.origin, 4, bytes(32))])
    assert (other.ok, other.first_bad) == (False, 0)
    assert "the first 4 entries are not those of the outside checkpoint" in other.problem
    more = verify(database, ring, since=[Checkpoint(kept.origin, ENTRIES + 1, kept.root)])
    assert (more.ok, more.first_bad) == (False, ENTRIES)
    assert "an outside checkpoint covers 10 entries" in more.problem
