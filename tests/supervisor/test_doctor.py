"""`appliance doctor` finds each fault of the list, names its row, and says what to do in both languages."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.backup.stamp import stamp
from appliance.cli.app import app
from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.i18n import translator
from appliance.supervisor.doctor import examine_site
from tests.supervisor.planted import PLANTED, Site

PASSWORD = "느티나무 아래 세 번째 의자"
ROOT_ALONE = "a file of another owner"  # nobody else can give a file away
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house of one administrator, made once and copied for each fault."""
    folder = tmp_path_factory.mktemp("well")
    (folder / "password").write_text(PASSWORD)
    words = ["init", "--data", str(folder / "data"), "--admin", "관리자"]
    made = CliRunner().invoke(app, [*words, "--password-file", str(folder / "password")])
    assert made.exit_code == 0, made.output
    stamp(folder / "data" / "run", datetime.now(UTC))
    return folder / "data"


@pytest.fixture
def site(well: Path, tmp_path: Path) -> Iterator[Site]:
    copy = tmp_path / "data"
    os.system(f"cp -a '{well}' '{copy}'")  # noqa: S605 - modes and owners as they are
    site = Site(Settings(data=copy, port=0), [])
    yield site
    for held in site.held:
        held.close()


def rows(site: Site) -> dict[str, str]:
    return {check.name: check.severity for check in examine_site(site.settings, SystemClock())}


def test_a_house_that_is_well_has_no_fault(site: Site) -> None:
    found = rows(site)
    assert set(found.values()) - {"ok"} <= ({"warning"} if found["swap"] != "ok" else set())
    assert len(found) >= 18


@pytest.mark.parametrize("name", [name for name in PLANTED if os.geteuid() == 0 or name != ROOT_ALONE])
def test_a_planted_fault_is_found(site: Site, name: str) -> None:
    row, severity, plant = PLANTED[name]
    plant(site)
    checks = {check.name: check for check in examine_site(site.settings, SystemClock())}
    found = checks[row]
    assert (found.ok, found.severity) == (False, severity)
    assert re.search("[가-힣]", translator("ko")(found.remedy)), found.remedy


def test_the_list_in_the_documents_is_the_one_that_is_planted() -> None:
    assert len(PLANTED) >= 20
    listed = re.findall(r"(?m)^\| (.+?) \| `(.+?)` \| (fault|warning) \|", DOCUMENT.read_text("utf-8"))
    assert sorted(listed) == sorted((name, row, severity) for name, (row, severity, _) in PLANTED.items())


def test_the_command_says_it_to_people_and_to_scripts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["doctor", "--data", str(site.data), "--port", "0"]
    whole = CliRunner().invoke(app, [*words, "--json"])
    assert whole.exit_code == 0, whole.output
    (site.data / "keys" / "root.key").chmod(0o644)
    broken = CliRunner().invoke(app, [*words, "--json"])
    assert broken.exit_code == 1
    told = {row["name"]: row for row in json.loads(broken.output)["checks"]}
    assert told["key modes"]["severity"] == "fault"
    assert "chmod" in told["key modes"]["remedy"]
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    korean = CliRunner().invoke(app, words)
    assert "BAD  key modes" in korean.output
    assert "읽을 수 있습니다" in korean.output
