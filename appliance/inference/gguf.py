"""Reads the header of a GGUF file that nobody has vouched for. Pure Python, bounded everywhere.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. Every
count and length is checked against the file before anything is read or kept, so a hostile
header costs a GgufError and neither time nor memory (compare CVE-2026-27940).
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MAX_PAIRS = 100_000
MAX_TENSORS = 100_000
MAX_STRING_BYTES = 16 * 1024 * 1024
MAX_ARRAY_ITEMS = 4_000_000
MAX_HEADER_BYTES = 512 * 1024 * 1024
MAX_DIMENSIONS = 4

_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9
# general.file_type, from llama.h's llama_ftype
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    32: "BF16",
}  # fmt: skip


class GgufError(Exception):
    """The file is not a GGUF file we would hand to llama.cpp; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a model file says of itself. `n_params` counts the elements of all tensors."""

    version: int
    architecture: str
    name: str
    quantization: str
    context_length: int
    n_params: int
    has_chat_template: bool
    licence: str
    source: str


def read_header(path: Path) -> GgufHeader:
    """The header of the file. GgufError when it is malformed, OSError when it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return _read(_Reader(file, size), size)


class _Reader:
    """Reads little-endian values, never past the file's end or the header's limit."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = min(size, MAX_HEADER_BYTES)

    def take(self, count: int) -> bytes:
        if count > self._left:
            raise GgufError("it ends in the middle of its header")
        self._left -= count
        data = self._file.read(count)
        if len(data) != count:
            raise GgufError("it ends in the middle of its header")
        return data

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def count(self, limit: int, what: str) -> int:
        number: int = self.number("<Q")
        if number > limit:
            raise GgufError(f"it claims {number} {what}")
        return number

    def text(self) -> str:
        return self.take(self.count(MAX_STRING_BYTES, "bytes in one text")).decode("utf-8", "replace")

    def skip_array(self) -> None:
        kind = self.number("<I")
        items = self.count(MAX_ARRAY_ITEMS, "items in one list")
        if kind == _STRING:
            for _ in range(items):
                self.take(self.count(MAX_STRING_BYTES, "bytes in one text"))
        elif kind in _NUMBERS:
            self.take(struct.calcsize(_NUMBERS[kind]) * items)
        else:
            raise GgufError(f"it holds a list of an unknown kind ({kind})")


def _read(reader: _Reader, size: int) -> GgufHeader:
    if reader.take(4) != MAGIC:
        raise GgufError("it does not begin like a GGUF file")
    version = reader.number("<I")
    if version not in (2, 3):
        raise GgufError(f"its GGUF version {version} is not 2 or 3")
    tensors = reader.count(MAX_TENSORS, "tensors")
    pairs = _pairs(reader, reader.count(MAX_PAIRS, "settings"))
    n_params = sum(_tensor_elements(reader, size) for _ in range(tensors))
    architecture = _text(pairs, "general.architecture")
    if not architecture or not tensors:
        raise GgufError("it holds no model")
    context = pairs.get(f"{architecture}.context_length", 0)
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=_text(pairs, "general.name"),
        quantization=FILE_TYPES.get(_number(pairs, "general.file_type"), "mixed"),
        context_length=context if isinstance(context, int) else 0,
        n_params=n_params,
        has_chat_template=bool(_text(pairs, "tokenizer.chat_template")),
        licence=_text(pairs, "general.license"),
        source=_text(pairs, "general.source.url") or _text(pairs, "general.url"),
    )


def _pairs(reader: _Reader, count: int) -> dict[str, Any]:
    """The single values of the header; lists are checked and left out."""
    pairs: dict[str, Any] = {}
    for _ in range(count):
        key = reader.text()
        kind = reader.number("<I")
        if kind in _NUMBERS:
            pairs[key] = reader.number(_NUMBERS[kind])
        elif kind == _STRING:
            pairs[key] = reader.text()
        elif kind == _ARRAY:
            reader.skip_array()
        else:
            raise GgufError(f"it holds a setting of an unknown kind ({kind})")
    return pairs


def _tensor_elements(reader: _Reader, size: int) -> int:
    reader.text()
    dimensions = reader.number("<I")
    if not 0 < dimensions <= MAX_DIMENSIONS:
        raise GgufError(f"it holds a tensor of {dimensions} dimensions")
    elements: int = math.prod(reader.number("<Q") for _ in range(dimensions))
    reader.take(4)
    offset = reader.number("<Q")
    if elements >= 2**48 or offset >= size:
        raise GgufError("it was cut short, or a tensor lies outside the file")
    return elements


def _text(pairs: dict[str, Any], key: str) -> str:
    value = pairs.get(key, "")
    return value if isinstance(value, str) else ""


def _number(pairs: dict[str, Any], key: str) -> int:
    value = pairs.get(key, -1)
    return value if isinstance(value, int) else -1
