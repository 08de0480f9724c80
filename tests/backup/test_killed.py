"""kill -9 in the middle of a backup and of a restore: what has its name is whole, the next try works."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from appliance.audit.sealing import seal_here
from appliance.audit.verify import verify
from appliance.backup.check import check
from appliance.backup.restore import STAGE, restore
from appliance.cli.house import OPERATOR
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.egress.logfolder import read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.storage.engine import Database
from tests.backup.conftest import SECRET, Kept, rows_of
from tests.postgres import Cluster

WHILE_IT_IS_MADE = [
    ("appliance.backup.seal:SealedWriter.write", "after", 1),
    ("appliance.backup.seal:SealedWriter.write", "after", 9),
    ("appliance.backup.seal:SealedWriter.finish", "after", 1),
    ("appliance.audit.log:AuditLog.append", "after", 1),
    ("pathlib:Path.rename", "before", 1),
]
WHILE_IT_COMES_BACK = [
    ("appliance.backup.restore:new_file", "before", 1),
    ("appliance.backup.restore:new_file", "after", 5),
    ("appliance.backup.restore:fill", "after", 1),
    ("appliance.backup.restore:seal_here", "before", 1),
    ("pathlib:Path.rename", "before", 1),
]


def killed(what: str, place: tuple[str, str, int], data: Path, file: Path, url: str = "") -> None:
    words = [what, *map(str, place), str(data), str(file), *([url] if url else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.backup.dying", *words],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def backups_in_the_log(house: Kept) -> int:
    """How many were made, by the house's log, which verifies."""
    seal_here(house.settings, house.database)
    keys = house.settings.keys_folder
    report = verify(house.database, read_verifier(keys), LocalSealer(keys).head())
    assert (report.ok, report.unsealed) == (True, 0), report.problem
    with house.database.read() as session:
        leaves = session.execute(sa.text("SELECT leaf FROM audit_entries")).scalars()
        return sum(b"system:backup:create" in bytes(leaf) for leaf in leaves)


@pytest.mark.parametrize("place", WHILE_IT_IS_MADE, ids=str)
def test_a_killed_backup_has_no_name_and_the_next_is_whole(
    house: Kept, tmp_path: Path, place: tuple[str, str, int]
) -> None:
    out, before = tmp_path / "kept.backup", house.rows()["users"]
    killed("create", place, house.settings.data, out)
    assert not out.exists()
    assert [path.name.startswith(".kept.backup.") for path in tmp_path.glob("*.partial")] == [True]
    assert house.rows()["users"] == before
    made = backups_in_the_log(house)
    house.create(out)
    checked = check(out, SECRET)
    assert checked.log is not None
    assert checked.log.ok
    assert backups_in_the_log(house) == made + 1


def test_a_backup_that_has_its_name_is_whole_and_in_the_log(house: Kept, tmp_path: Path) -> None:
    out = tmp_path / "kept.backup"
    killed("create", ("pathlib:Path.rename", "after", 1), house.settings.data, out)
    assert check(out, SECRET).content.rows["users"] == 2
    assert backups_in_the_log(house) == 1


@pytest.mark.parametrize("place", WHILE_IT_COMES_BACK, ids=str)
def test_a_killed_restore_makes_no_house_and_the_next_is_whole(
    house: Kept, tmp_path: Path, place: tuple[str, str, int]
) -> None:
    out, target = tmp_path / "kept.backup", Settings(data=tmp_path / "new" / "data")
    house.create(out)
    killed("restore", place, target.data, out)
    assert not target.data.exists()
    assert [path.name.startswith(STAGE) for path in target.data.parent.iterdir()] == [True]
    assert came_back(out, target) == house.rows()["users"]


def test_a_house_that_has_its_name_is_whole(house: Kept, tmp_path: Path) -> None:
    out, target = tmp_path / "kept.backup", Settings(data=tmp_path / "data")
    house.create(out)
    killed("restore", ("pathlib:Path.rename", "after", 1), target.data, out)
    database = Database(target.database_address)
    report = verify(database, read_verifier(target.keys_folder), LocalSealer(target.keys_folder).head())
    assert (report.ok, report.unsealed) == (True, 0), report.problem
    assert rows_of(database)["users"] == house.rows()["users"]
    database.close()


def test_rows_of_a_killed_restore_are_not_in_postgresql(
    house: Kept, tmp_path: Path, postgresql: Cluster
) -> None:
    out, url = tmp_path / "kept.backup", postgresql.fresh()
    house.create(out)
    killed("restore", ("appliance.backup.restore:new_file", "after", 5), tmp_path / "data", out, url)
    assert came_back(out, Settings(data=tmp_path / "data", database_url=url)) == house.rows()["users"]


def came_back(out: Path, target: Settings) -> list[str]:
    """The people of a house that is brought back now."""
    assert restore(out, SECRET, target, OPERATOR, SystemClock()).log.ok
    database = Database(target.database_address)
    try:
        return rows_of(database)["users"]
    finally:
        database.close()
