"""Every command is run: one that changes state without an audit entry in the same transaction fails.

Arguments are found by their names, so that a new command is walked over without being added here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from appliance.cli.app import app
from appliance.storage.engine import Database
from tests.oversight.ledger import Ledger

PASSWORD = "느티나무 아래 세 번째 의자"
ELSEWHERE = {("serve",): "runs until it is stopped; its start and stop are entries (tests/journeys)"}
OTHERS: dict[tuple[str, ...], dict[str, str]] = {("user", "invite"): {"name": "lee"}}
MUST_RECORD = {
    "user list", "user add", "user disable", "user enable", "user reset", "user invite",
    "key create", "key list", "audit verify", "model tune",
}  # fmt: skip


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Watches every database that a command opens."""
    watching = Ledger()
    real = Database.__init__

    def watched(self: Database, url: str) -> None:
        real(self, url)
        watching.watch(self.engine)

    monkeypatch.setattr(Database, "__init__", watched)
    return watching


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words, command) of every command."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield path, command


def words(command: Any, data: Path, known: dict[str, str]) -> list[str]:
    """The data folder, and a value for whatever is demanded."""
    given: list[str] = []
    for parameter in command.params:
        option = parameter.param_type_name == "option"
        if option and parameter.name == "data":
            given += ["--data", str(data)]
        elif option and parameter.name == "quick":
            given.append("--quick")
        elif option and parameter.name in ("password_file", "reason", "join"):
            given += [parameter.opts[0], known[parameter.name]]
        elif option and parameter.required:
            given += [parameter.opts[0], known.get(parameter.name, str(data.parent / "out"))]
        elif not option and parameter.required:
            given.append(known.get(parameter.name, "nothing"))
    return given


def files(data: Path) -> set[tuple[str, int]]:
    """What is in the data folder besides the database and what is disposable."""
    kept = (path for path in data.rglob("*") if path.is_file() and not path.name.startswith("naesil.db"))
    return {(str(path), path.stat().st_size) for path in kept if path.parent.name not in ("run", "keys")}


def test_no_command_changes_state_without_an_entry(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a file that a command writes where it stands belongs nowhere else
    data = tmp_path / "data"
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "people.csv").write_text("name,roles,groups\nimported,member,\n")
    known = {
        "password_file": str(tmp_path / "password"), "admin": "admin", "name": "kim", "user": "kim",
        "role": "member", "reason": "정기 점검", "join": "팀", "file": str(tmp_path / "people.csv"),
    }  # fmt: skip
    runner = CliRunner()
    everything = dict(commands(typer.main.get_command(app)))
    order = [("init",), ("user", "add"), *(path for path in sorted(everything) if path not in ELSEWHERE)]
    faults: list[str] = []
    recorded: set[str] = set()
    for path in order:
        before, seen, kept = ledger.entries, len(ledger.silent), files(data)
        result = runner.invoke(app, [*path, *words(everything[path], data, known | OTHERS.get(path, {}))])
        name = " ".join(path)
        faults += [f"{name}: {silent}" for silent in ledger.silent[seen:]]
        if files(data) != kept and ledger.entries == before:
            faults.append(f"{name}: a file changed without an entry")
        if ledger.entries > before:
            recorded.add(name)
        assert result.exit_code != 70, (name, result.output)
    assert faults == []
    assert recorded >= MUST_RECORD, MUST_RECORD - recorded
