"""Reads the header of a GGUF file that nobody has vouched for. Pure Python, bounded everywhere.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. Every
count and length is checked against the file before anything is read or kept, so a hostile
header costs a GgufError and neither time nor memory (compare CVE-2026-27940). Every tensor
must lie inside the file, so a download that was cut short is noticed before it is loaded.
"""

import math
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from appliance.inference.ggml_types import FILE_TYPES, TENSOR_BLOCKS

MAGIC = b"GGUF"
MAX_PAIRS = 10_000
MAX_TENSORS = 100_000
MAX_NAME_BYTES = 65_535
MAX_STRING_BYTES = 4 * 1024 * 1024
MAX_ARRAY_ITEMS = 4_000_000
MAX_HEADER_BYTES = 256 * 1024 * 1024
MAX_DIMENSIONS = 4
MAX_SHOWN = 200
DEFAULT_ALIGNMENT = 32

_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = _NUMBERS[4], _NUMBERS[10]
_STRING, _ARRAY = 8, 9
_SOURCES = (
    "general.source.url",
    "general.source.huggingface.repository",
    "general.source.repo_url",
    "general.repo_url",
    "general.url",
)


class GgufError(Exception):
    """The file is not a GGUF file we would hand to llama.cpp; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a model file says of itself, fit to be printed. `n_params` counts its tensors' elements.

    `kind`: "model", "adapter" (LoRA) or what else the file calls itself, such as "mmproj".
    """

    version: int
    kind: str
    architecture: str
    name: str
    quantization: str
    context_length: int
    n_params: int
    has_chat_template: bool
    licence: str
    licence_name: str
    source: str


def read_header(path: Path) -> GgufHeader:
    """The header of the file. GgufError when it is malformed, OSError when it cannot be read."""
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise GgufError("it is not a plain file")
    with path.open("rb") as file:
        return _read(_Reader(file, info.st_size), info.st_size)


class _Reader:
    """Reads little-endian values, never past the file's end or the header's limit."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._limit = min(size, MAX_HEADER_BYTES)
        self.position = 0

    def take(self, count: int) -> bytes:
        self._advance(count)
        data = self._file.read(count)
        if len(data) != count:
            raise GgufError("it changed while it was read")
        return data

    def skip(self, count: int) -> None:
        self._advance(count)
        self._file.seek(count, 1)

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def count(self, limit: int, what: str) -> int:
        number: int = self.number(_U64)
        if number > limit:
            raise GgufError(f"it claims {number} {what}")
        return number

    def text(self, limit: int) -> str:
        return self.take(self.count(limit, "bytes in one text")).decode("utf-8", "replace")

    def skip_array(self) -> None:
        kind = self.number(_U32)
        items = self.count(MAX_ARRAY_ITEMS, "items in one list")
        if kind == _STRING:
            for _ in range(items):
                self.skip(self.count(MAX_NAME_BYTES, "bytes in one text"))
        elif kind in _NUMBERS:
            self.skip(_NUMBERS[kind].size * items)
        else:
            raise GgufError(f"it holds a list of an unknown kind ({kind})")

    def _advance(self, count: int) -> None:
        self.position += count
        if self.position > self._limit:
            raise GgufError("it ends in the middle of its header")


def _read(reader: _Reader, size: int) -> GgufHeader:
    if reader.take(len(MAGIC)) != MAGIC:
        raise GgufError("it does not begin like a GGUF file")
    version = reader.number(_U32)
    if version not in (2, 3):
        raise GgufError(f"its GGUF version {version} is not 2 or 3")
    tensors = reader.count(MAX_TENSORS, "tensors")
    pairs = _pairs(reader, reader.count(MAX_PAIRS, "settings"))
    n_params, data_bytes = _tensors(reader, tensors)
    alignment = _whole(pairs, "general.alignment", DEFAULT_ALIGNMENT)
    if alignment < 1 or reader.position + -reader.position % alignment + data_bytes > size:
        raise GgufError("it was cut short: its tensors do not fit into it")
    architecture = _text(pairs, "general.architecture")
    if not architecture or not tensors:
        raise GgufError("it holds no model")
    return GgufHeader(
        version=version,
        kind=_text(pairs, "general.type") or "model",
        architecture=architecture,
        name=_text(pairs, "general.name"),
        quantization=FILE_TYPES.get(_whole(pairs, "general.file_type", -1), "mixed"),
        context_length=_whole(pairs, f"{architecture}.context_length", 0),
        n_params=n_params,
        has_chat_template=bool(pairs.get("tokenizer.chat_template")),
        licence=_text(pairs, "general.license"),
        licence_name=_text(pairs, "general.license.name"),
        source=next(filter(None, (_text(pairs, key) for key in _SOURCES)), ""),
    )


def _pairs(reader: _Reader, count: int) -> dict[str, Any]:
    """The single values of the header; of texts the beginning, lists are checked and left out."""
    pairs: dict[str, Any] = {}
    for _ in range(count):
        key = reader.text(MAX_NAME_BYTES)
        if key in pairs:
            raise GgufError("it says one thing twice")
        kind = reader.number(_U32)
        if kind in _NUMBERS:
            pairs[key] = reader.number(_NUMBERS[kind])
        elif kind == _STRING:
            pairs[key] = reader.text(MAX_STRING_BYTES)[:MAX_SHOWN]
        elif kind == _ARRAY:
            pairs[key] = None
            reader.skip_array()
        else:
            raise GgufError(f"it holds a setting of an unknown kind ({kind})")
    return pairs


def _tensors(reader: _Reader, count: int) -> tuple[int, int]:
    """(elements of all tensors, bytes of the data section that they reach to)."""
    total, reach = 0, 0
    for _ in range(count):
        reader.skip(reader.count(MAX_NAME_BYTES, "bytes in one text"))
        dimensions = reader.number(_U32)
        if not 0 < dimensions <= MAX_DIMENSIONS:
            raise GgufError(f"it holds a tensor of {dimensions} dimensions")
        shape = [reader.number(_U64) for _ in range(dimensions)]
        kind, offset = reader.number(_U32), reader.number(_U64)
        if kind not in TENSOR_BLOCKS:
            raise GgufError(f"it holds a tensor of an unknown kind ({kind})")
        block, block_bytes = TENSOR_BLOCKS[kind]
        elements = math.prod(shape)
        if elements == 0 or shape[0] % block:
            raise GgufError("it holds a tensor of an impossible shape")
        total += elements
        reach = max(reach, offset + elements // block * block_bytes)
    return total, reach


def _text(pairs: dict[str, Any], key: str) -> str:
    """A text without what would upset a terminal; empty when there is none."""
    value = pairs.get(key)
    return "".join(filter(str.isprintable, value)) if isinstance(value, str) else ""


def _whole(pairs: dict[str, Any], key: str, otherwise: int) -> int:
    value = pairs.get(key, otherwise)
    return value if type(value) is int else otherwise
