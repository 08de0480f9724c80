"""Before a migration a copy is kept; it is a backup like any other."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from appliance.backup import automatic
from appliance.backup.keys import from_file
from appliance.backup.restore import restore
from appliance.cli.house import OPERATOR
from appliance.config import Settings
from appliance.egress.sealer import LocalSealer
from appliance.errors import ConfigError
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.folder import ROOT_KEY_FILE, prepare_data_folder
from appliance.supervisor.upkeep import prepare_database
from tests.fakes import FakeClock
from tests.postgres import Cluster

OLD = "0015_audit_forwarded"
ADD = "INSERT INTO groups (id, name, folded_name, created_at) VALUES ('1', :name, :name, '2026-03-02')"


def old_house(data: Path, url: str = "") -> Settings:
    """A data folder of an older program, with a group in it."""
    settings = Settings(data=data, database_url=url)
    prepare_data_folder(settings)
    LocalSealer(settings.keys_folder)
    database = Database(settings.database_address)
    with database.write() as session:
        migrate.create(session, OLD)
        session.execute(sa.text(ADD), {"name": "재무팀"})
    database.close()
    return settings


def groups_and_log(settings: Settings) -> tuple[list[str], str]:
    database = Database(settings.database_address)
    with database.read() as session:
        names = list(session.scalars(sa.text("SELECT name FROM groups")))
        bodies = session.scalars(sa.text("SELECT body FROM audit_outbox"))
        log = "".join(bytes(body).decode() for body in bodies)
    database.close()
    return names, log


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_start_over_older_data_keeps_a_copy_that_can_be_brought_back(
    tmp_path: Path, kind: str, postgresql: Cluster
) -> None:
    settings = old_house(tmp_path / "data", postgresql.fresh() if kind == "postgresql" else "")
    prepare_database(settings)
    names, log = groups_and_log(settings)
    assert names == ["재무팀"]
    assert "system:data:migrate" in log
    (kept,) = settings.backups_folder.iterdir()
    assert OLD in kept.name
    assert kept.stat().st_mode & 0o777 == 0o600
    secret, again = from_file(settings.keys_folder / ROOT_KEY_FILE), Settings(data=tmp_path / "again")
    restored = restore(kept, secret, again, OPERATOR, FakeClock())
    assert restored.header.schema == OLD
    assert groups_and_log(again)[0] == ["재무팀"]
    prepare_database(settings)
    assert len(list(settings.backups_folder.iterdir())) == 1  # nothing to do, nothing kept


def test_the_newest_three_are_kept(tmp_path: Path) -> None:
    settings, clock = old_house(tmp_path / "data"), FakeClock()
    database = Database(settings.database_address)
    for _ in range(5):
        clock.advance(60)
        with database.read() as session:
            automatic.BeforeMigrating(settings, clock).before(session, OLD)
    database.close()
    assert [path.name[:15] for path in sorted(settings.backups_folder.iterdir())] == [
        "20260302T090300", "20260302T090400", "20260302T090500",
    ]  # fmt: skip


def test_without_a_copy_nothing_is_migrated(tmp_path: Path) -> None:
    settings = old_house(tmp_path / "data")
    settings.backups_folder.write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="No backup could be made"):
        prepare_database(settings)
    database = Database(settings.database_address)
    assert migrate.current(database) == OLD
    database.close()


def test_newer_and_half_migrated_data_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    settings = old_house(tmp_path / "data")
    for statement, said in (
        ("CREATE TABLE presets (id VARCHAR)", "only half-way"),
        ("UPDATE alembic_version SET version_num = '9000_tomorrow'", "newer version"),
    ):
        database = Database(settings.database_address)
        with database.write() as session:
            session.execute(sa.text(statement))
        database.close()
        with pytest.raises(ConfigError, match=said):
            prepare_database(settings)
    assert not settings.backups_folder.exists()


def test_the_newest_migration_is_the_last_file_by_name() -> None:
    files = (Path(automatic.__file__).parents[2] / "migrations" / "versions").glob("*.py")
    assert max(path.stem for path in files) == migrate.head()
