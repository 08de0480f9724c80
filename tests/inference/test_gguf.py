"""Model files nobody has vouched for: the real one is read, any other ends in a clear refusal."""

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.inference import registry
from appliance.inference.gguf import GgufError, read_header

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_the_embedded_model_tells_what_it_is(embedded_model: Path) -> None:
    header = read_header(embedded_model)
    assert header.architecture == "llama"
    assert header.quantization == "Q4_1"
    assert 130e6 < header.n_params < 170e6
    assert header.context_length >= 2048
    assert header.has_chat_template


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "random.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 3) + data)
    with pytest.raises(GgufError):
        read_header(path)


@FUZZ
@given(at=st.integers(0, 4000), value=st.integers(0, 255))
def test_a_damaged_header_is_read_or_refused_but_never_more(
    tmp_path: Path, embedded_model: Path, at: int, value: int
) -> None:
    with embedded_model.open("rb") as file:
        data = bytearray(file.read(3_000_000))
    data[at] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    with contextlib.suppress(GgufError):
        read_header(path)


def test_a_truncated_model_is_refused(tmp_path: Path, embedded_model: Path) -> None:
    path = tmp_path / "cut.gguf"
    with embedded_model.open("rb") as file:
        path.write_bytes(file.read(20_000_000))
    with pytest.raises(GgufError, match="cut short"):
        read_header(path)


def test_a_header_that_claims_too_much_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "huge.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63))
    with pytest.raises(GgufError, match="claims"):
        read_header(path)


def test_the_embedded_model_is_the_default(tmp_path: Path, embedded_model: Path) -> None:
    model = registry.resolve(Settings(data=tmp_path))
    assert model.path == embedded_model
    assert model.sha256 == registry.EMBEDDED_SHA256


def test_a_file_in_the_models_folder_is_found_by_its_name(tmp_path: Path, embedded_model: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "My Model_2.gguf").symlink_to(embedded_model)
    model = registry.resolve(Settings(data=tmp_path, model="my-model-2"))
    assert model.name == "my-model-2"
    assert [found.name for found in registry.models(Settings(data=tmp_path))] == [
        registry.EMBEDDED_NAME,
        "my-model-2",
    ]


def test_an_unknown_name_is_refused_with_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model list"):
        registry.resolve(Settings(data=tmp_path, model="nothing"))
