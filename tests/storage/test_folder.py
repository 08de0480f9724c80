"""What a data folder must be like before anything relies on it."""

from pathlib import Path

import pytest

from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.storage.folder import prepare_data_folder


@pytest.mark.parametrize("name", ["keys", "policies", "run", "config.toml"])
def test_what_rules_the_next_start_is_no_link_which_web_could_exchange(tmp_path: Path, name: str) -> None:
    settings = Settings(data=tmp_path / "data")
    prepare_data_folder(settings)
    elsewhere = tmp_path / "elsewhere"
    (settings.data / name).rename(elsewhere)
    (settings.data / name).symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=f"{name} is a link"):
        prepare_data_folder(settings)


def test_a_folder_with_the_program_in_it_is_no_data_folder() -> None:
    """Web may write in a data folder, and whoever starts the product runs the program."""
    checkout = Path(__file__).parents[2]
    with pytest.raises(ConfigError, match="holds the program"):
        prepare_data_folder(Settings(data=checkout))
    assert not (checkout / "keys").exists()


def test_the_data_folder_itself_and_what_web_keeps_in_it_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "disk" / "models").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    (tmp_path / "big").mkdir()
    (tmp_path / "disk" / "models").rmdir()
    (tmp_path / "disk" / "models").symlink_to(tmp_path / "big")
    prepare_data_folder(Settings(data=tmp_path / "data"))
    assert (tmp_path / "disk" / "keys" / "root.key").is_file()
