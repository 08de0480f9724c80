"""Bringing models in: what is checked, what is recorded, and what a failure leaves behind."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from appliance.audit.log import AuditLog
from appliance.config import Settings
from appliance.core import SYSTEM
from appliance.errors import ConfigError, Conflict, InvalidInput, NotFound, StorageFailed
from appliance.inference import choice, registry, store
from appliance.inference.models import Models, Wish
from appliance.inference.registry import EMBEDDED_NAME
from appliance.storage.engine import Database
from tests.fakes import FakeClock
from tests.inference.gguf_files import LLAMA, gguf


@pytest.fixture
def house(data_folder: Path, database: Database, audit: AuditLog, clock: FakeClock) -> Models:
    return Models(Settings(data=data_folder), database, audit, clock)


def file(tmp_path: Path, file_name: str = "Tiny.gguf", **changed: Any) -> Path:
    """A small model file; `changed` replaces or adds metadata, with "_" for "."."""
    new = {f"general.{key.replace('_', '.')}": value for key, value in changed.items()}
    pairs = [(key, kind, new.pop(key, value)) for key, kind, value in LLAMA]
    path = tmp_path / file_name
    path.write_bytes(gguf([*pairs, *((key, "text", value) for key, value in new.items())]))
    return path


def names(data_folder: Path) -> list[str]:
    found, problems = registry.models(Settings(data=data_folder))
    assert not problems
    return [model.name for model in found]


def left(data_folder: Path) -> list[str]:
    return sorted(path.name for path in (data_folder / "models").iterdir() if path.suffix != ".lock")


def test_a_file_is_kept_under_its_hash_with_its_licence_and_source(
    house: Models, tmp_path: Path, data_folder: Path
) -> None:
    source = file(tmp_path)
    steps: list[tuple[int, int]] = []
    record = house.import_file(SYSTEM, source, Wish(), lambda *step: steps.append(step)).record
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    assert (record.name, record.sha256, record.licence) == ("tiny", sha256, "mit")
    assert record.source == "https://example.org/tiny"
    assert left(data_folder) == [f"{sha256}.gguf", f"{sha256}.json"]
    assert steps[-1] == (source.stat().st_size, source.stat().st_size)
    model = registry.resolve(Settings(data=data_folder, model="tiny"))
    assert (model.sha256, model.path) == (sha256, data_folder / "models" / f"{sha256}.gguf")


def test_the_same_file_again_is_said_to_be_here(house: Models, tmp_path: Path, data_folder: Path) -> None:
    house.import_file(SYSTEM, file(tmp_path), Wish("first"))
    again = house.import_file(SYSTEM, file(tmp_path, "other.gguf"), Wish())
    assert (again.duplicate, again.record.name) == (True, "first")
    with pytest.raises(Conflict, match="already here as 'first'"):
        house.import_file(SYSTEM, file(tmp_path), Wish("second"))
    assert len(left(data_folder)) == 2


def test_the_embedded_model_is_not_copied(house: Models, embedded_model: Path, data_folder: Path) -> None:
    imported = house.import_file(SYSTEM, embedded_model, Wish())
    assert (imported.duplicate, imported.record.name) == (True, EMBEDDED_NAME)
    assert left(data_folder) == []


def test_a_taken_name_is_refused_and_nothing_is_left(
    house: Models, tmp_path: Path, data_folder: Path
) -> None:
    house.import_file(SYSTEM, file(tmp_path), Wish("tiny"))
    before = left(data_folder)
    with pytest.raises(Conflict, match="--name"):
        house.import_file(SYSTEM, file(tmp_path, description="another"), Wish("tiny"))
    assert left(data_folder) == before


@pytest.mark.parametrize("name", ["Tiny", "../up", "a/b", "-a", "a" * 65, "모델", "a b", EMBEDDED_NAME])
def test_names_that_are_no_names_are_refused(house: Models, tmp_path: Path, name: str) -> None:
    with pytest.raises((InvalidInput, Conflict), match="name"):
        house.import_file(SYSTEM, file(tmp_path), Wish(name))


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("cc-by-nc-4.0", ""),
        ("CC-BY-NC-SA-4.0", ""),
        ("other", "exaone"),
        ("other", "Mistral Research License"),
    ],
)
def test_a_licence_against_business_use_must_be_accepted(
    house: Models, tmp_path: Path, licence: str, name: str
) -> None:
    source = file(tmp_path, license=licence, license_name=name)
    with pytest.raises(ConfigError, match="--accept-licence"):
        house.import_file(SYSTEM, source, Wish())
    assert house.import_file(SYSTEM, source, Wish(accept_licence=True)).record.licence_accepted


@pytest.mark.parametrize("licence", ["apache-2.0", "mit", "gemma", "llama3.2", "", "cc-by-sa-4.0"])
def test_other_licences_need_no_acceptance(house: Models, tmp_path: Path, licence: str) -> None:
    assert not house.import_file(SYSTEM, file(tmp_path, license=licence), Wish()).record.licence_accepted


def test_files_that_are_no_models_are_refused_by_what_is_wrong(house: Models, tmp_path: Path) -> None:
    cut, text = tmp_path / "cut.gguf", tmp_path / "text.gguf"
    cut.write_bytes(gguf()[:-1])
    text.write_text("hello")
    said = {}
    for path in (cut, text, tmp_path / "none.gguf", tmp_path):
        with pytest.raises(InvalidInput) as caught:
            house.import_file(SYSTEM, path, Wish())
        said[path.name] = str(caught.value)
    assert "cut short" in said["cut.gguf"]
    assert "begin like" in said["text.gguf"]
    assert "does not exist" in said["none.gguf"]
    with pytest.raises(InvalidInput, match="mmproj"):
        house.import_file(SYSTEM, file(tmp_path, type="mmproj"), Wish())


def test_a_full_disk_leaves_nothing(
    house: Models, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, folder: Path, _progress: object) -> None:
        Path(folder / ".staging-half.gguf").write_bytes(source.read_bytes()[:9])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "copy", full)
        with pytest.raises(StorageFailed, match="full"):
            house.import_file(SYSTEM, file(tmp_path), Wish())
    house.import_file(SYSTEM, file(tmp_path), Wish())
    assert len(left(data_folder)) == 2  # what the interrupted one left was swept


def test_two_imports_at_once_are_one_too_many(house: Models, tmp_path: Path, data_folder: Path) -> None:
    with store.changing(data_folder / "models"), pytest.raises(Conflict, match="under way"):
        house.import_file(SYSTEM, file(tmp_path), Wish())


def test_without_an_entry_there_is_no_import(
    house: Models, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(*_: object, **__: object) -> None:
        raise StorageFailed("the log is away")

    monkeypatch.setattr(AuditLog, "append", unwritable)
    with pytest.raises(StorageFailed):
        house.import_file(SYSTEM, file(tmp_path), Wish())
    assert left(data_folder) == []


def test_a_changed_file_is_not_served(house: Models, tmp_path: Path, data_folder: Path) -> None:
    record = house.import_file(SYSTEM, file(tmp_path), Wish()).record
    with (data_folder / "models" / f"{record.sha256}.gguf").open("r+b") as kept:
        kept.seek(-1, 2)
        kept.write(b"\x01")
    with pytest.raises(ConfigError, match="changed since its import"):
        registry.resolve(Settings(data=data_folder, model="tiny"))


def test_a_choice_holds_until_another_and_a_failed_switch_takes_it_back(
    house: Models, tmp_path: Path, data_folder: Path, database: Database, audit: AuditLog, clock: FakeClock
) -> None:
    house.import_file(SYSTEM, file(tmp_path), Wish())
    house.use(SYSTEM, "tiny")
    assert registry.resolve(Settings(data=data_folder)).name == "tiny"

    def fails(_model: object) -> None:
        raise ConfigError("it does not load")

    failing = Models(Settings(data=data_folder), database, audit, clock, fails)

    with pytest.raises(ConfigError, match="does not load"):
        failing.use(SYSTEM, EMBEDDED_NAME)
    assert choice.read(data_folder / "models") == "tiny"
    with pytest.raises(Conflict, match="in use"):
        house.remove(SYSTEM, "tiny")
    house.use(SYSTEM, EMBEDDED_NAME)
    house.remove(SYSTEM, "tiny")
    assert names(data_folder) == [EMBEDDED_NAME]


def test_a_setting_that_would_win_is_named(
    data_folder: Path, database: Database, audit: AuditLog, clock: FakeClock
) -> None:
    fixed = Models(Settings(data=data_folder, model=EMBEDDED_NAME), database, audit, clock)
    (data_folder / "models").mkdir()
    (data_folder / "models" / "other.gguf").write_bytes(gguf())
    with pytest.raises(ConfigError, match="would win"):
        fixed.use(SYSTEM, "other")


def test_a_file_somebody_put_there_can_be_removed_and_the_embedded_one_cannot(
    house: Models, data_folder: Path
) -> None:
    (data_folder / "models").mkdir()
    (data_folder / "models" / "by-hand.gguf").write_bytes(gguf())
    house.remove(SYSTEM, "by-hand")
    assert left(data_folder) == []
    with pytest.raises(InvalidInput, match="stays"):
        house.remove(SYSTEM, EMBEDDED_NAME)
    for name in ("nothing", "", "../by-hand.gguf", "by-hand.gguf"):
        for act in (house.remove, house.use):
            with pytest.raises(NotFound, match="model list"):
                act(SYSTEM, name)


def test_an_adapter_needs_its_base_and_keeps_it(house: Models, tmp_path: Path, data_folder: Path) -> None:
    base = house.import_file(SYSTEM, file(tmp_path), Wish("base")).record
    adapter = file(tmp_path, "adapter.gguf", type="adapter", name="Style")
    with pytest.raises(InvalidInput, match="--base"):
        house.import_file(SYSTEM, adapter, Wish())
    other = file(tmp_path, "q.gguf", type="adapter", architecture="qwen2")
    with pytest.raises(InvalidInput, match="not made for 'base'"):
        house.import_file(SYSTEM, other, Wish(base="base"))
    record = house.import_file(SYSTEM, adapter, Wish(base="base")).record
    model = registry.resolve(Settings(data=data_folder, model="style"))
    assert model.sha256 == f"{base.sha256}+{record.sha256}"
    assert model.path.stem == base.sha256
    assert model.adapter == data_folder / "models" / f"{record.sha256}.gguf"
    with pytest.raises(Conflict, match="in use"):
        house.remove(SYSTEM, "base")
    house.remove(SYSTEM, "style")
    house.remove(SYSTEM, "base")


def test_a_record_without_its_file_or_with_another_hash_counts_as_none(
    house: Models, tmp_path: Path, data_folder: Path
) -> None:
    record = house.import_file(SYSTEM, file(tmp_path), Wish()).record
    folder = data_folder / "models"
    (folder / f"{'0' * 64}.json").write_text(json.dumps({"name": "ghost"}))
    (folder / f"{'1' * 64}.json").write_bytes((folder / f"{record.sha256}.json").read_bytes())
    assert names(data_folder) == [EMBEDDED_NAME, "tiny"]
