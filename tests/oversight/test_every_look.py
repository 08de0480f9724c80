"""Whatever page shows somebody something of somebody else's, the log says that they looked.

Forms are sent empty: the page that says what is wrong must not show for nothing what the other records.
"""

import asyncio
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from appliance.cli.app import app as command_line
from appliance.core import Principal
from tests.oversight.ledger import Ledger
from tests.oversight.office import PASSWORD, Office
from tests.oversight.test_every_command import ELSEWHERE, commands, ledger, words
from tests.oversight.test_every_route import routes

__all__ = ["ledger"]  # a fixture

# What shows a name and is nobody's data: who is answerable for the house's own rules.
ANSWERABLE = {"GET /console/policies", "POST /console/policies/rollback"}


def furnish(office: Office, alice: Principal, other: str) -> None:
    """Something of everybody's that a page of the console could list."""
    services = office.web.services
    services.identity.groups.join(alice, "group-1", other)
    services.retention.holds.place(alice, other, "소송")
    services.policies.start(alice, "더 엄격하게")


async def unrecorded_looks(data: Path) -> tuple[list[str], set[str]]:
    """(pages that showed others without an entry, pages that showed others)."""
    office, silent, showing = Office(data), list[str](), set[str]()
    await office.open()
    alice = await office.things()
    furnish(office, alice.person, alice.values["user_id"])
    for method, path in sorted(routes(office.app)):
        looker = await office.things()
        ids = {one.id for one in office.web.services.accounts.list()} - {looker.person.user_id}
        before = office.ledger.entries
        answer = await office.ask(looker, method, looker.address(path), {}, None)
        named = set(re.findall(r"\b(?:person|other)-\d+\b", answer.text)) - {looker.name}
        if named or any(one in answer.text for one in ids):
            showing.add(path)
            silent += [f"{method} {path}"] if office.ledger.entries == before else []
    await office.close()
    return silent, showing


def test_no_page_shows_anything_of_anybody_elses_without_an_entry(tmp_path: Path) -> None:
    silent, showing = asyncio.run(unrecorded_looks(tmp_path / "data"))
    assert set(silent) == ANSWERABLE
    assert showing >= {
        "/console/users", "/console/users/{user_id}", "/console/groups", "/console/usage",
        "/console/retention",
    }  # fmt: skip


def test_no_command_prints_anything_of_anybody_elses_without_an_entry(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, name = tmp_path / "data", "버드나무"
    (tmp_path / "password").write_text(PASSWORD)
    known = {
        "password_file": str(tmp_path / "password"), "admin": "admin", "name": "kim", "user": "kim",
        "role": "member", "reason": "정기 점검", "join": "팀",
    }  # fmt: skip
    runner, everything = CliRunner(), dict(commands(typer.main.get_command(command_line)))
    begun: dict[tuple[str, ...], dict[str, str]] = {("init",): known, ("user", "add"): known | {"name": name}}
    for path, given in begun.items():
        assert runner.invoke(command_line, [*path, *words(everything[path], data, given)]).exit_code == 0
    showing, silent = set[str](), list[str]()
    for path in sorted(everything.keys() - ELSEWHERE.keys()):
        before = ledger.entries
        printed = runner.invoke(command_line, [*path, *words(everything[path], data, known)]).output
        if name in printed:
            showing.add(" ".join(path))
            silent += [" ".join(path)] if ledger.entries == before else []
    assert silent == []
    assert "user list" in showing
