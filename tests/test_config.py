"""One order of precedence, always, and every value knows where it came from."""

from pathlib import Path

import pytest

from appliance import config
from appliance.config import Source
from appliance.errors import ConfigError


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("port = 1111\nslots = 3\nqueue_limit = 9\n")
    settings = config.load({"data": tmp_path, "port": 3333}, {"NAESIL_PORT": "2222", "NAESIL_SLOTS": "4"})
    assert (settings.port, settings.sources["port"]) == (3333, Source.FLAG)
    assert (settings.slots, settings.sources["slots"]) == (4, Source.ENVIRONMENT)
    assert (settings.queue_limit, settings.sources["queue_limit"]) == (9, Source.FILE)
    assert (settings.host, settings.sources["host"]) == ("127.0.0.1", Source.DEFAULT)


def test_every_setting_has_a_source(tmp_path: Path) -> None:
    settings = config.load({"data": tmp_path}, {})
    assert set(settings.sources) == set(config.setting_names())


def test_the_data_folder_comes_from_the_flag_or_the_environment(tmp_path: Path) -> None:
    assert config.load({"data": tmp_path / "a"}, {"NAESIL_DATA": "/b"}).data == tmp_path / "a"
    assert config.load({}, {"NAESIL_DATA": str(tmp_path)}).data == tmp_path
    assert config.load({}, {}).sources["data"] is Source.DEFAULT


@pytest.mark.parametrize(
    ("text", "named"),
    [("prot = 1", "prot"), ("port = 'x'", "port"), ("port = true", "port"), ("[", "config.toml")],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=named):
        config.load({"data": tmp_path}, {})


@pytest.mark.parametrize(("word", "value"), [("1", True), ("yes", True), ("off", False), ("False", False)])
def test_switches_read_the_usual_words(tmp_path: Path, word: str, value: bool) -> None:
    assert config.load({"data": tmp_path}, {"NAESIL_BEHIND_PROXY": word}).behind_proxy is value


def test_pages_and_migrations_are_found_beside_the_package() -> None:
    assert (config.share_folder("migrations") / "versions").is_dir()


@pytest.mark.parametrize("text", ["port = -1", "port = 65536", "slots = 0", "slots = 257", "threads = -2"])
def test_a_number_out_of_range_is_refused_with_the_range(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"from \d+ to \d+"):
        config.load({"data": tmp_path}, {})
