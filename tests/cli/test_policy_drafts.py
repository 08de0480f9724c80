"""Drafts at the command line follow the console's rules: a second person, a time to come, a trial."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance.cli.app import app
from appliance.errors import Conflict, Forbidden, InvalidInput, NotFound, PolicyViolation

Run = Callable[..., Result]
PASSWORD = "느티나무 아래 세 번째 의자\n"


@pytest.fixture
def password(tmp_path: Path) -> tuple[str, Path]:
    (tmp_path / "password").write_text(PASSWORD, "utf-8")
    return ("--password-file", tmp_path / "password")


@pytest.fixture
def run(tmp_path: Path, password: tuple[str, Path]) -> Run:
    """A command in a house with two policy administrators and a member."""
    folder = str(tmp_path / "data")

    def command(*words: object) -> Result:
        result = CliRunner().invoke(app, [*map(str, words), "--data", folder])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    assert command("init", "--admin", "관리자", *password).exit_code == 0
    for name in ("김하나", "이두리"):
        command("user", "add", name, "--role", "policy-administrator", *password)
    command("user", "add", "박세찌", *password)
    return command


@pytest.fixture
def files(run: Run, tmp_path: Path) -> Path:
    """The files in force, with a longer retention."""
    run("policy", "export", tmp_path / "files")
    change(tmp_path / "files" / "retention.yaml", "days: 90", "days: 120")
    return tmp_path / "files"


def change(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


def begin(run: Run, files: Path, *words: object) -> str:
    return str(json.loads(run("policy", "draft", files, "--note", "길게", "--json", *words).stdout)["id"])


def number(run: Run) -> int:
    return int(json.loads(run("policy", "history", "--json").stdout)[0]["number"])


def second_person(run: Run, files: Path) -> None:
    change(files / "access.yaml", "second_person: false", "second_person: true")
    run("policy", "apply", files)


def test_a_draft_comes_into_force(run: Run, files: Path) -> None:
    draft = begin(run, files)
    assert "길게" in run("policy", "drafts").stdout
    assert number(run) == 1
    assert run("policy", "activate", draft).stdout.startswith("revision 2 ")
    assert json.loads(run("policy", "drafts", "--json").stdout) == []
    with pytest.raises(Conflict):
        run("policy", "activate", draft)
    with pytest.raises(NotFound):
        run("policy", "discard", "nothing")


def test_nobody_approves_their_own_draft(run: Run, files: Path, password: tuple[str, Path]) -> None:
    second_person(run, files)
    change(files / "retention.yaml", "days: 120", "days: 130")
    with pytest.raises(Forbidden):
        run("policy", "apply", files)
    draft = begin(run, files, "--author", "김하나", *password)
    with pytest.raises(Forbidden):
        run("policy", "activate", draft)
    run("policy", "propose", draft)
    with pytest.raises(Forbidden, match="author"):
        run("policy", "approve", draft, "--user", "김하나", *password)
    with pytest.raises(PolicyViolation):
        run("policy", "approve", draft, "--user", "박세찌", *password)
    assert "approved" in run("policy", "approve", draft, "--user", "이두리", *password).stdout
    run("policy", "activate", draft)
    assert number(run) == 3


def test_a_set_is_applied_at_once_with_a_second_persons_password(
    run: Run, files: Path, password: tuple[str, Path]
) -> None:
    second_person(run, files)
    change(files / "retention.yaml", "days: 120", "days: 130")
    assert run("policy", "apply", files, "--approver", "이두리", *password).stdout.startswith("revision 3 ")
    assert json.loads(run("policy", "history", "--json").stdout)[0]["approver"]
    assert "이두리" in run("policy", "history").stdout.splitlines()[1]


def test_a_time_to_come_is_kept_and_one_that_passed_refused(run: Run, files: Path) -> None:
    draft = begin(run, files)
    with pytest.raises(InvalidInput):
        run("policy", "activate", draft, "--at", "2020-01-01T00:00")
    with pytest.raises(InvalidInput):
        run("policy", "activate", draft, "--at", "soon")
    assert "scheduled" in run("policy", "activate", draft, "--at", "2099-01-01T09:00").stdout
    (found,) = json.loads(run("policy", "drafts", "--json").stdout)
    assert found["activate_at"].startswith("2099-01-01T00:00")
    assert number(run) == 1


def test_a_trial_is_begun_and_ended(run: Run, files: Path) -> None:
    draft = begin(run, files)
    assert "trial" in run("policy", "try", draft).stdout
    assert json.loads(run("policy", "end-trial", draft, "--json").stdout)["counts"] == []
    run("policy", "discard", draft)
    assert json.loads(run("policy", "drafts", "--json").stdout) == []


def test_a_draft_does_not_change_where_the_product_may_dial(run: Run, files: Path) -> None:
    change(files / "egress.yaml", "minimum_level: kernel", "minimum_level: partial")
    with pytest.raises(InvalidInput):
        begin(run, files)
