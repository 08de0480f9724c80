"""Root's data folder gets an unprivileged owner, and what root makes there later is theirs."""

import os
from pathlib import Path

import pytest

from appliance.config import load
from appliance.errors import ConfigError
from appliance.storage.owner import FIRST, LAST, adopt, hand_over, service_user

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "root.key").write_text("x")
    return folder


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@needs_root
def test_a_folder_of_roots_gets_a_number_of_its_own_that_stays(data: Path) -> None:
    chosen = service_user(load({"data": data}))
    assert chosen is not None
    assert FIRST <= chosen[0] <= LAST
    hand_over(data, chosen)
    assert owners(data) == {chosen[0]}
    assert service_user(load({"data": data})) == chosen


@needs_root
def test_the_folders_owner_is_who_the_processes_become(data: Path) -> None:
    os.chown(data, 1234, 1235)
    assert service_user(load({"data": data})) == (1234, 1235)


@needs_root
def test_what_root_makes_later_is_the_owners_too_but_not_what_a_link_leads_to(
    data: Path, tmp_path: Path
) -> None:
    hand_over(data, (1234, 1234))
    outside = tmp_path / "outside"
    outside.write_text("not yours")
    (data / "link").symlink_to(outside)
    (data / "second-name").hardlink_to(outside)
    (data / "new").write_text("x")
    adopt(data)
    assert (data / "new").stat().st_uid == 1234
    assert outside.stat().st_uid == 0


@needs_root
def test_root_may_stay_root_and_an_unknown_user_is_refused(data: Path) -> None:
    assert service_user(load({"data": data, "user": "root"})) is None
    with pytest.raises(ConfigError, match="whom this machine does not know"):
        service_user(load({"data": data, "user": "nobody-of-that-name"}))


def test_nobody_but_root_becomes_somebody_else(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert service_user(load({"data": data})) is None
