"""Retention at the command line: what is due is shown, counted, held, and destroyed with a certificate."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.chat.store import ConversationRow
from appliance.chat.transcript import Transcript
from appliance.cli.app import app
from appliance.cli.house import open_house
from appliance.core import Principal
from appliance.errors import Conflict
from appliance.ids import new_id
from appliance.storage.vault import Vault

Run = Callable[..., Result]
PASSWORD = "느티나무 아래 세 번째 의자\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A command over a data folder in which 이두리 has two conversations unused for 400 days."""
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    folder = tmp_path / "data"

    def command(*words: object, given: str = "") -> Result:
        result = CliRunner().invoke(app, [*map(str, words), "--data", str(folder)], input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    password = ("--password-file", tmp_path / "password")
    assert command("init", "--admin", "관리자", *password).exit_code == 0
    assert command("user", "add", "이두리", *password).exit_code == 0
    with open_house(folder) as house:
        transcript = Transcript(Vault.open(house.settings.keys_folder, house.clock), house.clock)
        person = house.accounts.find("이두리")
        for _ in range(2):
            row_id = new_id()
            with house.database.write() as session:
                transcript.add_conversation(session, Principal(person.id, "user"), row_id, "제목")
                old = session.get_one(ConversationRow, row_id)
                old.updated_at = house.clock.now() - timedelta(days=400)
    return command


def test_a_preview_counts_and_a_typed_number_destroys(run: Run) -> None:
    found = json.loads(run("retention", "preview", "--json").stdout)
    assert found["total"] == 2
    assert found["due"][0]["rule"] == "R-1"
    assert "이두리" in run("retention", "preview").stdout
    with pytest.raises(Conflict):
        run("retention", "run", given="7\n")
    certificate = run("retention", "run", given="2\n").stdout
    assert "Destroyed 2 conversations" in certificate
    assert "Keys destroyed: 2." in certificate
    assert "audit entry " in certificate
    assert json.loads(run("retention", "run", "--yes", "--json").stdout)["conversations"] == 0


def test_what_is_held_is_not_destroyed_until_it_is_released(run: Run) -> None:
    run("retention", "hold", "이두리", "--reason", "사건 2026-1")
    assert "사건 2026-1" in run("retention", "holds").stdout
    held = json.loads(run("retention", "run", "--confirm", 0, "--json").stdout)
    assert (held["conversations"], held["held_back"]) == (0, 2)
    with pytest.raises(Conflict):
        run("retention", "hold", "이두리", "--reason", "다시")
    run("retention", "release", "이두리")
    assert json.loads(run("retention", "holds", "--json").stdout) == []
    assert json.loads(run("retention", "run", "--yes", "--json").stdout)["conversations"] == 2
