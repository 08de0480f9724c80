"""Which model is meant: the pinned one, one in the data folder, one by its path; or why none is."""

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.inference import choice, registry, tuning
from tests.inference.gguf_files import gguf


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def wanted(tmp_path: Path, model: str = "") -> registry.ModelFile:
    return registry.resolve(Settings(data=tmp_path, model=model))


def test_the_embedded_model_is_the_default(tmp_path: Path, embedded_model: Path) -> None:
    for name in ("", registry.EMBEDDED_NAME):
        model = wanted(tmp_path, name)
        assert (model.path, model.name) == (embedded_model, registry.EMBEDDED_NAME)
        assert model.sha256 == registry.EMBEDDED_SHA256
        assert model.licence == "apache-2.0"


def test_the_package_that_carries_the_model_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from appliance.config import Settings; "
        "from appliance.inference import registry; "
        f"registry.resolve(Settings(data=pathlib.Path({str(tmp_path)!r}))); "
        "sys.exit(any(name.startswith(('llm', 'llama_cpp')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_in_the_models_folder_is_found_by_name_and_by_file_name(tmp_path: Path, models: Path) -> None:
    path = models / "My Model_2.gguf"
    path.write_bytes(gguf())
    for name in ("my-model-2", "My Model_2.gguf", str(path)):
        model = wanted(tmp_path, name)
        assert (model.path, model.name) == (path, "my-model-2")
        assert model.sha256 == hashlib.sha256(gguf()).hexdigest()
        assert (model.size_bytes, model.licence) == (len(gguf()), "mit")


def test_what_web_may_write_into_the_models_folder_names_no_file_elsewhere(
    tmp_path: Path, models: Path, embedded_model: Path
) -> None:
    """The choice and the tuned layouts lie there, and rule the next start."""
    other = tmp_path / "elsewhere.gguf"
    other.write_bytes(gguf())
    settings = Settings(data=tmp_path)
    for name in (str(other), "../elsewhere.gguf", "elsewhere.gguf"):
        choice.write(models, name)
        with pytest.raises(ConfigError, match="no model called"):
            registry.resolve(settings)
        with pytest.raises(ConfigError, match="no model called"):
            registry.named(settings, name)
    model = wanted(tmp_path, registry.EMBEDDED_NAME)
    tuned = {
        "here": tuning.Tuned(
            at=datetime(2026, 11, 3, tzinfo=UTC),
            applied=True,
            layout=tuning.Layout(threads=1),
            file="../elsewhere",
            quantization="Q8_0",
            prompt_tokens_per_s=1.0,
            generated_tokens_per_s=1.0,
            speedup=1.0,
        )
    }
    (models / f"{model.sha256}.tuned").write_bytes(msgspec.json.encode(tuned))
    assert tuning.apply(settings, model, "here", verify=False)[0].path == embedded_model


def test_only_the_wanted_model_is_read(tmp_path: Path, models: Path) -> None:
    (models / "good.gguf").write_bytes(gguf())
    (models / "bad.gguf").write_bytes(b"nothing")
    assert wanted(tmp_path, "good").name == "good"


def test_a_damaged_model_says_what_is_wrong_with_it_not_that_it_is_missing(
    tmp_path: Path, models: Path
) -> None:
    (models / "cut.gguf").write_bytes(gguf()[:-1])
    with pytest.raises(ConfigError, match=r"cut\.gguf is not a usable model: it was cut short"):
        wanted(tmp_path, "cut")


def test_a_name_that_means_two_files_is_refused(tmp_path: Path, models: Path) -> None:
    for name in ("My Model.gguf", "my-model.gguf", f"{registry.EMBEDDED_NAME}.gguf"):
        (models / name).write_bytes(gguf())
    for name in ("my-model", "", registry.EMBEDDED_NAME):
        with pytest.raises(ConfigError, match="several files"):
            wanted(tmp_path, name)
    assert wanted(tmp_path, str(models / "my-model.gguf")).name == "my-model"


@pytest.mark.parametrize("name", ["nothing", "모델", "..", "smollm2"])
def test_an_unknown_name_is_refused_with_where_to_look(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="model list"):
        wanted(tmp_path, name)


@pytest.mark.parametrize("name", ["no.gguf", "/nowhere/no.gguf", "nowhere/no"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no(\.gguf)? does not exist"):
        wanted(tmp_path, name)


def test_an_exchanged_embedded_model_is_refused(
    tmp_path: Path, embedded_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / registry.EMBEDDED_PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    copy = package / embedded_model.name
    shutil.copyfile(embedded_model, copy)
    with copy.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    monkeypatch.syspath_prepend(str(package.parent))
    with pytest.raises(ConfigError, match=r"not the pinned file.*make run"):
        wanted(tmp_path)


def test_without_the_embedded_model_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "EMBEDDED_PACKAGE", "no_such_package")
    with pytest.raises(ConfigError, match="make run"):
        wanted(tmp_path)


def test_the_list_shows_every_model_and_what_is_wrong_with_the_rest(tmp_path: Path, models: Path) -> None:
    (models / "b.gguf").write_bytes(gguf())
    (models / "a.gguf").write_bytes(gguf())
    (models / "c.gguf").write_bytes(b"GGUF")
    (models / "notes.txt").write_text("not a model")
    found, problems = registry.models(Settings(data=tmp_path))
    assert [model.name for model in found] == [registry.EMBEDDED_NAME, "a", "b"]
    assert [str(problem) for problem in problems] == [
        f"{models / 'c.gguf'} is not a usable model: it ends in the middle of its header. "
        "Download it again or choose another."
    ]
