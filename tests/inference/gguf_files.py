"""Small GGUF files, good and bad, written by hand from the format's description."""

import struct
from collections.abc import Sequence
from typing import Any

NUMBERS = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"), "u64": (10, "<Q")}
STRING, ARRAY, F32, Q4_0 = 8, 9, 0, 2

LLAMA: list[tuple[str, str, Any]] = [
    ("general.architecture", "text", "llama"),
    ("general.name", "text", "Tiny"),
    ("general.file_type", "u32", 15),
    ("general.license", "text", "mit"),
    ("general.source.url", "text", "https://example.org/tiny"),
    ("llama.context_length", "u32", 4096),
    ("tokenizer.ggml.tokens", "texts", ["<s>", "가", "나"]),
    ("tokenizer.ggml.scores", "floats", [0.0, -1.0, -2.0]),
    ("tokenizer.chat_template", "text", "{{ messages }}"),
]
TENSORS = [("token_embd.weight", (32, 3), F32, 0), ("output.weight", (32, 3), Q4_0, 384)]
DATA_BYTES = 384 + 3 * 18


def gguf(
    pairs: Sequence[tuple[str, str, Any]] = LLAMA,
    tensors: Sequence[tuple[str, tuple[int, ...], int, int]] = TENSORS,
    *,
    version: int = 3,
    data_bytes: int = DATA_BYTES,
) -> bytes:
    """A whole file: header, padding to 32 bytes, zeros as weights."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    head += b"".join(_text(key) + _value(kind, value) for key, kind, value in pairs)
    for name, shape, kind, offset in tensors:
        head += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + bytes(data_bytes)


def _value(kind: str, value: Any) -> bytes:
    if kind == "text":
        return struct.pack("<I", STRING) + _text(value)
    if kind == "texts":
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(_text(one) for one in value)
    if kind == "floats":
        return struct.pack(f"<IIQ{len(value)}f", ARRAY, 6, len(value), *value)
    code, form = NUMBERS[kind]
    return struct.pack("<I", code) + struct.pack(form, value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
