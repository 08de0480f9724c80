"""`appliance audit verify` prints its finding and exits 1, even when the log takes no more entries."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from appliance.cli.app import app
from appliance.errors import ConfigError
from appliance.storage.engine import Database

Verify = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("correct horse battery staple\n")
    folder = tmp_path / "data"
    arguments = [
        "init",
        "--data",
        str(folder),
        "--admin",
        "admin",
        "--password-file",
        str(tmp_path / "password"),
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder


@pytest.fixture
def verify(data: Path) -> Verify:
    return lambda *options: CliRunner().invoke(app, ["audit", "verify", "--data", str(data), *options])


def change(data: Path, *statements: str) -> None:
    database = Database(f"sqlite:///{data / 'naesil.db'}")
    with database.write() as session:
        for statement in statements:
            session.execute(text(statement))
    database.close()


def test_a_good_log_is_said_to_be_good_and_the_verification_is_in_it(verify: Verify) -> None:
    before, after = (json.loads(verify("--json").stdout) for _ in range(2))
    assert (before["ok"], after["ok"]) == (True, True)
    assert (after["entries"], after["unsealed"]) == (before["entries"] + 1, 0)
    assert verify().stdout.startswith("OK: ")


def test_a_changed_entry_is_named(data: Path, verify: Verify) -> None:
    change(data, "UPDATE audit_entries SET actor = 'mallory' WHERE \"index\" = 1")
    result = verify()
    assert result.exit_code == 1
    assert "entry 1" in result.stdout


@pytest.mark.parametrize(
    "statements",
    [
        (
            'DELETE FROM audit_entries WHERE "index" >= 1',
            "DELETE FROM audit_checkpoints",
            "UPDATE audit_tiles SET hashes = substr(hashes, 1, 32)",
        ),
        (
            'DELETE FROM audit_entries WHERE "index" = 1',
            "CREATE TRIGGER full BEFORE INSERT ON audit_outbox BEGIN SELECT RAISE(ABORT, 'full'); END",
        ),
    ],
)
def test_a_log_that_can_take_no_entry_is_reported_all_the_same(
    data: Path, verify: Verify, statements: tuple[str, ...]
) -> None:
    change(data, *statements)
    for _ in range(2):
        result = verify()
        assert result.exit_code == 1
        assert "entry 1" in result.stdout


def test_a_log_that_lost_a_table_is_refused_by_its_name(data: Path, verify: Verify) -> None:
    change(data, "DROP TABLE audit_outbox")
    result = verify()
    assert isinstance(result.exception, ConfigError)
    assert "audit_outbox" in str(result.exception)
