"""Who may run each command: one row a command; a command without a row fails.

OPERATOR  works on the data folder, which only its owner and root can open (mode 0700)
PERSON    the same, and asks for a person's own password before it does anything
ANYBODY   reads and writes only files that the caller names; needs no data folder
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from appliance.cli.app import app
from appliance.errors import NaesilError

OPERATOR, PERSON, ANYBODY = "operator", "person", "anybody"

COMMANDS = {
    OPERATOR: """
        audit certificate, audit checkpoint, audit consistency, audit export, audit key, audit opened,
        audit proof,
        audit rotate-key,
        audit witness accept, audit witness list, audit witness trust,
        backup create,
        egress attest, egress probe, egress status,
        key create, key list, key revoke,
        model import, model list, model remove, model tune, model use,
        policy activate, policy discard, policy draft, policy drafts, policy end-trial, policy propose,
        policy try,
        policy apply, policy diff, policy export, policy history, policy replay, policy rollback,
        retention hold, retention holds, retention preview, retention release, retention run,
        user add, user agree, user disable, user emergency, user enable, user group, user import,
        user invite, user list, user reset, user roles, user second-factor-off
    """,
    PERSON: "audit disclose, audit review, policy approve",
    ANYBODY: """
        audit keygen, audit open, audit verifier, audit verify, backup key, backup restore, backup verify,
        doctor, egress check, egress rules, init, metrics-token,
        policy check, policy scan,
        policy schema, serve, witness cosign, witness init, witness key, witness status, witness trust
    """,
}
FILES = {"file", "folder", "key_file", "out", "password_file", "text"}
BEFORE_ANYTHING = {"model import", "model list", "model tune", "model use"}  # may come first: make the folder
ROWS = {name: who for who, names in COMMANDS.items() for name in re.findall(r"\w[\w -]*\w", names)}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield " ".join(path), command


def demanded(command: Any, folder: Path) -> list[str]:
    """A value for everything that the command cannot do without."""
    words: list[str] = []
    for parameter in command.params:
        if parameter.name == "data":
            words += ["--data", str(folder / "missing")]
        elif parameter.required:
            value = str(folder / "file") if parameter.name in FILES else "1"
            words += [value] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
    return words


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    assert sorted(name for name, _ in commands(typer.main.get_command(app))) == sorted(ROWS)


@pytest.mark.parametrize(
    "name", sorted(name for name, who in ROWS.items() if who != ANYBODY and name not in BEFORE_ANYTHING)
)
def test_without_the_data_folder_nothing_is_done_and_the_remedy_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("안전한 열쇠 세 개\n", "utf-8")
    command = dict(commands(typer.main.get_command(app)))[name]
    result = CliRunner().invoke(app, [*name.split(), *demanded(command, tmp_path)])
    assert "Traceback" not in result.output
    assert result.exit_code in (2, 3) or isinstance(result.exception, NaesilError), result.output
    assert not (tmp_path / "missing").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
