"""Model files nobody has vouched for: a real one is read, any other ends in a clear refusal."""

import contextlib
import ctypes
import importlib.util
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.inference.ggml_types import TENSOR_BLOCKS
from appliance.inference.gguf import GgufError, read_header
from tests.inference.gguf_files import F32, LLAMA, gguf

FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
GOOD = gguf()


def read(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "some.gguf"
    path.write_bytes(data)
    return read_header(path)


def test_the_embedded_model_tells_what_it_is(embedded_model: Path) -> None:
    header = read_header(embedded_model)
    assert header.architecture == "llama"
    assert header.quantization == "Q4_1"
    assert header.n_params == 134_515_008
    assert header.context_length == 8192
    assert header.has_chat_template
    assert header.licence == "apache-2.0"


@pytest.mark.parametrize("version", [2, 3])
def test_a_small_model_is_read(tmp_path: Path, version: int) -> None:
    header = read(tmp_path, gguf(version=version))
    assert (header.version, header.architecture, header.name) == (version, "llama", "Tiny")
    assert (header.quantization, header.context_length, header.n_params) == ("Q4_K_M", 4096, 192)
    assert (header.licence, header.source) == ("mit", "https://example.org/tiny")
    assert header.has_chat_template


def test_a_model_that_says_little_is_read_too(tmp_path: Path) -> None:
    header = read(tmp_path, gguf(LLAMA[:1]))
    assert (header.name, header.quantization, header.context_length) == ("", "mixed", 0)
    assert not header.has_chat_template


def test_what_a_model_says_of_itself_cannot_move_the_cursor(tmp_path: Path) -> None:
    header = read(tmp_path, gguf([*LLAMA[:1], ("general.name", "text", "\x1b[2J\x07\u202ename" + "x" * 999)]))
    assert header.name.startswith("[2Jnamexxx")
    assert len(header.name) <= 200


@pytest.mark.parametrize("missing", [1, 18, 54, 55, 400])
def test_a_download_that_was_cut_short_is_noticed(tmp_path: Path, missing: int) -> None:
    with pytest.raises(GgufError, match="cut short"):
        read(tmp_path, GOOD[:-missing])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "middle of its header"),
        (b"PK\x03\x04 a zip archive", "does not begin like"),
        (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "version"),
        (gguf(version=1), "version 1"),
        (gguf(version=4), "version 4"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 1), "claims 9223372036854775808 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 2**63), "claims 9223372036854775808 settings"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 2**64 - 1), "bytes in one text"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1) + b"k" + struct.pack("<IIQ", 9, 0, 4_000_000), "middle"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1), "unknown kind"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 1) + b"k" + struct.pack("<I", 13), "unknown kind"),
        (gguf([*LLAMA, LLAMA[0]]), "twice"),
        (gguf(LLAMA[1:]), "no model"),
        (gguf(tensors=[]), "no model"),
        (gguf(tensors=[("t", (1, 1, 1, 1, 1), F32, 0)]), "5 dimensions"),
        (gguf(tensors=[("t", (), F32, 0)]), "0 dimensions"),
        (gguf(tensors=[("t", (32,), 4, 0)]), "unknown kind"),
        (gguf(tensors=[("t", (33,), 2, 0)]), "impossible shape"),
        (gguf(tensors=[("t", (0, 5), F32, 0)]), "impossible shape"),
        (gguf(tensors=[("t", (2**63, 2**63, 2**63, 2**63), F32, 0)]), "cut short"),
        (gguf(tensors=[("t", (2**62, 4), F32, 0)]), "cut short"),
        (gguf(tensors=[("t", (1,), F32, 2**64 - 4)]), "cut short"),
        (gguf([*LLAMA, ("general.alignment", "u32", 0)]), "cut short"),
        (gguf([*LLAMA, ("general.alignment", "u64", 2**64 - 1)]), "cut short"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(GgufError, match=reason):
        read(tmp_path, data)


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(GgufError):
        read(tmp_path, b"GGUF" + struct.pack("<I", 3) + data)


@FUZZ
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8)), max_size=4),
    st.integers(0, len(GOOD)),
)
def test_a_damaged_header_is_read_or_refused_but_never_more(
    tmp_path: Path, changes: list[tuple[int, bytes]], length: int
) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at : at + len(value)] = value
    with contextlib.suppress(GgufError):
        read(tmp_path, bytes(data[:length]))


def test_a_hostile_header_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.gguf"
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQQ", 3, 1, 10_000, 1) + b"k")
        file.write(struct.pack("<IIQ", 9, 12, 4_000_000))
        file.truncate(10**12)  # the list is there, all zeros, in a file of a terabyte
    tracemalloc.start()
    try:
        with pytest.raises(GgufError):
            read_header(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(GgufError, match="not a plain file"):
        read_header(tmp_path / "pipe.gguf")
    with pytest.raises(GgufError, match="not a plain file"):
        read_header(tmp_path)


def test_our_sizes_of_weights_are_those_of_the_library() -> None:
    spec = importlib.util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libggml-base.so"))
    library.ggml_blck_size.restype = ctypes.c_int64
    library.ggml_type_size.restype = ctypes.c_size_t
    theirs = {kind: (library.ggml_blck_size(kind), library.ggml_type_size(kind)) for kind in range(43)}
    assert {kind: sizes for kind, sizes in theirs.items() if sizes != (0, 0)} == TENSOR_BLOCKS
