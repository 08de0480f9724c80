"""What a killed product left behind goes at the next start; what a living one holds stays."""

import tempfile
from pathlib import Path

import pytest

from appliance.supervisor.outsidefolder import PREFIX, OutsideFolder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_an_abandoned_folder_goes_and_a_held_one_stays(place: Path) -> None:
    abandoned, elsewhere = place / f"{PREFIX}killed", place / "elsewhere"
    abandoned.mkdir()
    (abandoned / "outside.txt").write_text("not yours")
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (place / f"{PREFIX}link").symlink_to(elsewhere)
    held = OutsideFolder(None)
    (held.path / "outside.txt").write_text("not yours")
    another = OutsideFolder(None)
    assert not abandoned.exists()
    assert (held.path / "outside.txt").exists()
    assert (elsewhere / "kept").exists()
    another.close()
    held.close()
    assert not held.path.exists()
    assert not another.path.exists()


def test_whoever_cannot_clean_up_leaves_it_to_the_next(place: Path) -> None:
    killed = OutsideFolder(None)
    killed.let_go()  # as its end does
    next_one = OutsideFolder(None)
    assert sorted(place.iterdir()) == [next_one.path]
    next_one.close()
