"""A house kept and brought back: the same rows, keys and log, on either database, or nothing at all."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from appliance.audit.store import EntryRow
from appliance.backup.check import check
from appliance.backup.errors import Damaged
from appliance.backup.keys import Secret
from appliance.backup.restore import restore
from appliance.backup.stamp import last_backup
from appliance.cli.house import OPERATOR
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.storage.engine import Database
from tests.backup.conftest import SECRET, Kept, rows_of
from tests.postgres import Cluster

BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
LOG = {"audit_entries", "audit_tiles", "audit_checkpoints", "audit_epoch", "audit_outbox"}


def bring_back(out: Path, settings: Settings) -> dict[str, list[str]]:
    """The restored database's rows."""
    restore(out, SECRET, settings, OPERATOR, SystemClock())
    database = Database(settings.database_address)
    try:
        return rows_of(database)
    finally:
        database.close()


@BOTH
def test_everything_comes_back_and_the_log_goes_on(house: Kept, tmp_path: Path) -> None:
    out, before = tmp_path / "kept.backup", house.rows()
    made = house.create(out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert last_backup(house.settings.run_folder) is not None
    checked = check(out, SECRET)
    assert checked.log is not None
    assert checked.log.ok
    assert checked.content.rows == made.rows
    target = Settings(data=tmp_path / "elsewhere" / "data")
    after = bring_back(out, target)
    assert {name: rows for name, rows in after.items() if name not in LOG} == {
        name: rows for name, rows in before.items() if name not in LOG
    }
    assert set(before["audit_entries"]) < set(after["audit_entries"])
    for name in ("keys/root.key", "keys/log.key", "policies/notices.yaml", f"models/{'a' * 64}.gguf"):
        assert (target.data / name).read_bytes() == (house.settings.data / name).read_bytes()
        assert (target.data / name).stat().st_mode & 0o777 == 0o600
    assert not (target.run_folder / "left.sock").exists()


def test_making_and_bringing_back_are_in_the_log(house: Kept, tmp_path: Path) -> None:
    made = house.create(tmp_path / "kept.backup")
    after = bring_back(tmp_path / "kept.backup", Settings(data=tmp_path / "new"))
    with house.database.read() as session:
        outbox = [
            bytes(row.body).decode() for row in session.execute(sa.text("SELECT body FROM audit_outbox"))
        ]
    assert any("system:backup:create" in body and made.id in body for body in outbox)
    assert len(after["audit_entries"]) == made.rows["audit_entries"] + 1
    assert "system:backup:restore" in after["audit_entries"][-1]


@BOTH
def test_a_backup_of_one_kind_of_database_is_brought_back_into_the_other(
    house: Kept, tmp_path: Path, postgresql: Cluster
) -> None:
    before = house.rows()
    house.create(tmp_path / "kept.backup")
    url = "" if house.settings.database_url else postgresql.fresh()
    target = Settings(data=tmp_path / "other", database_url=url)
    after = bring_back(tmp_path / "kept.backup", target)
    assert after["users"] == before["users"]
    assert after["subject_keys"] == before["subject_keys"]
    assert (url in (target.data / "config.toml").read_text("utf-8")) or not url
    if url:
        with pytest.raises(ConfigError, match="database is not empty"):
            bring_back(tmp_path / "kept.backup", Settings(data=tmp_path / "third", database_url=url))
        assert not (tmp_path / "third").exists()


def test_models_can_stay_behind_and_their_records_come_along(house: Kept, tmp_path: Path) -> None:
    small = house.create(tmp_path / "small", models=False)
    large = house.create(tmp_path / "large")
    assert small.bytes < 1_000_000 < large.bytes
    bring_back(tmp_path / "small", Settings(data=tmp_path / "new"))
    assert [path.name for path in (tmp_path / "new" / "models").iterdir()] == ["choice.json"]


def test_a_damaged_backup_is_refused_by_its_frame_and_leaves_nothing(house: Kept, tmp_path: Path) -> None:
    out = tmp_path / "kept.backup"
    house.create(out)
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    with pytest.raises(Damaged, match=r"damaged in frame \d+, at byte \d+"):
        check(out, SECRET)
    there = set(tmp_path.iterdir())
    with pytest.raises(Damaged, match="damaged in frame"):
        restore(out, SECRET, Settings(data=tmp_path / "new"), OPERATOR, SystemClock())
    assert set(tmp_path.iterdir()) == there


def test_what_is_there_already_is_never_written_over(house: Kept, tmp_path: Path) -> None:
    out = tmp_path / "kept.backup"
    house.create(out)
    with pytest.raises(ConfigError, match="nothing was overwritten"):
        house.create(out)
    with pytest.raises(ConfigError, match="is not empty"):
        restore(out, SECRET, house.settings, OPERATOR, SystemClock())
    with pytest.raises(ConfigError, match="does not open"):
        restore(out, Secret("key-file", b"x" * 32), Settings(data=tmp_path / "n"), OPERATOR, SystemClock())
    with pytest.raises(ConfigError, match="not a backup"):
        check(house.settings.keys_folder / "log.pub", SECRET)
    assert not (tmp_path / "n").exists()


def test_a_backup_of_a_newer_version_is_checked_but_not_brought_back(house: Kept, tmp_path: Path) -> None:
    with house.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9000_tomorrow'"))
    house.create(tmp_path / "kept.backup")
    assert check(tmp_path / "kept.backup", SECRET).log is None
    with pytest.raises(ConfigError, match=r"newer version \(schema 9000_tomorrow\)"):
        restore(tmp_path / "kept.backup", SECRET, Settings(data=tmp_path / "n"), OPERATOR, SystemClock())
    assert not (tmp_path / "n").exists()


def test_the_log_inside_is_checked_too(house: Kept, tmp_path: Path) -> None:
    with house.database.write() as session:
        session.execute(sa.update(EntryRow).where(EntryRow.index == 1).values(actor="somebody else"))
    house.create(tmp_path / "kept.backup")
    log = check(tmp_path / "kept.backup", SECRET).log
    assert log is not None
    assert (log.ok, log.first_bad) == (False, 1)
    restored = restore(
        tmp_path / "kept.backup", SECRET, Settings(data=tmp_path / "n"), OPERATOR, SystemClock()
    )
    assert restored.log.first_bad == 1


def test_without_an_entry_in_the_log_there_is_no_backup(house: Kept, tmp_path: Path) -> None:
    full = "CREATE TRIGGER full BEFORE INSERT ON audit_outbox BEGIN SELECT RAISE(ABORT, 'full'); END"
    with house.database.write() as session:
        session.execute(sa.text(full))
    there = set(tmp_path.iterdir())
    with pytest.raises(sa.exc.IntegrityError):
        house.create(tmp_path / "kept.backup")
    assert set(tmp_path.iterdir()) == there
    assert last_backup(house.settings.run_folder) is None
