"""The commands an auditor and an operator use between them, from the log to a checked export and back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.cli.app import app
from appliance.errors import ConfigError, InvalidInput, NotSignedIn

Run = Callable[..., Result]
PASSWORD = "느티나무 아래 세 번째 의자\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A command over a fresh data folder; an error of ours is raised as itself."""
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    folder = str(tmp_path / "data")

    def command(*words: object, data: bool = True) -> Result:
        place = ["--data", folder] if data else []
        result = CliRunner().invoke(app, [*map(str, words), *place])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    assert command("init", "--admin", "관리자", "--password-file", tmp_path / "password").exit_code == 0
    return command


def test_from_export_to_verdict(run: Run, tmp_path: Path) -> None:
    (tmp_path / "log.vkey").write_text(run("audit", "key").stdout)
    (tmp_path / "kept").write_text(run("audit", "checkpoint").stdout)
    told = run("audit", "export", "--reason", "점검", "--out", tmp_path / "x.zip", "--json")
    assert json.loads(told.stdout)["first"] == 0
    words = ["audit", "verify", tmp_path / "x.zip", "--key", tmp_path / "log.vkey"]
    assert "No outside checkpoint" in run(*words, data=False).stdout
    result = run(*words, "--since", tmp_path / "kept", "--json", data=False)
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (0, True)
    part = run("audit", "export", "--reason", "점검", "--out", tmp_path / "y.zip", "--from", "1", "--to", "2")
    assert "entries 1 to 2" in part.stdout
    assert run("audit", "verify", "--since", tmp_path / "kept").stdout.startswith("OK: ")


def test_pieces_are_given_and_checked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(run("audit", "key").stdout)
    run("audit", "checkpoint", "--out", tmp_path / "kept", "--svg", tmp_path / "kept.svg")
    assert "█" in run("audit", "checkpoint", "--print").stdout
    run("audit", "proof", 1, "--out", tmp_path / "proof")
    run("audit", "consistency", "--since", tmp_path / "kept", "--out", tmp_path / "step")
    run("audit", "verifier", "--out", tmp_path / "verifier.py", data=False)
    assert (tmp_path / "verifier.py").read_text().startswith("#!/usr/bin/env python3")
    for words in (
        (tmp_path / "proof",),
        (tmp_path / "step", "--since", tmp_path / "kept"),
        (tmp_path / "kept",),
    ):
        result = run("audit", "verify", *words, "--key", tmp_path / "key", data=False)
        assert (result.exit_code, result.stdout[:3]) == (0, "OK:")
    with pytest.raises(ConfigError):
        run("audit", "consistency")
    with pytest.raises(ConfigError):
        run("audit", "verify", tmp_path / "proof", data=False)
    with pytest.raises(ConfigError):
        run("audit", "verify", tmp_path / "proof", "--key", tmp_path / "kept", data=False)
    with pytest.raises(ConfigError):
        run("audit", "export", "--reason", "점검", "--out", tmp_path / "nowhere" / "x.zip")
    with pytest.raises(InvalidInput):
        run("audit", "export", "--reason", " ", "--out", tmp_path / "x.zip")


def test_a_witness_beside_the_log(run: Run, tmp_path: Path) -> None:
    place = ("--dir", tmp_path / "witness")
    (tmp_path / "key").write_text(run("audit", "key").stdout)
    (tmp_path / "wkey").write_text(run("witness", "init", *place, "--name", "w.example", data=False).stdout)
    run("witness", "trust", *place, "--key", tmp_path / "key", data=False)
    run("audit", "witness", "trust", tmp_path / "wkey")
    run("audit", "consistency", "--witness", "w.example", "--out", tmp_path / "request")
    run("witness", "cosign", tmp_path / "request", *place, "--out", tmp_path / "signed", data=False)
    assert run("audit", "witness", "accept", tmp_path / "signed").stdout.startswith("w.example: ")
    assert run("witness", "cosign", tmp_path / "request", *place, data=False).exit_code == 1
    assert "w.example" in run("audit", "witness", "list").stdout
    assert run("witness", "key", *place, data=False).stdout == (tmp_path / "wkey").read_text()
    assert json.loads(run("witness", "status", *place, "--json", data=False).stdout)["name"] == "w.example"


def test_a_text_is_not_disclosed_without_its_owners_password(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("질문")
    (tmp_path / "wrong").write_text("another password\n")
    words = ("audit", "disclose", 1, "--text", tmp_path / "text", "--user", "관리자", "--reason", "분쟁")
    with pytest.raises(NotSignedIn):
        run(*words, "--out", tmp_path / "shown", "--password-file", tmp_path / "wrong")
    assert not (tmp_path / "shown").exists()
