"""Tiny models with random weights that llama.cpp really loads and runs, one for each architecture.

Weights are noise, so answers are nonsense; what is real is the architecture, the tokenizer (the
embedded model's own) and each family's chat template.
"""

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.inference.gguf_files import F32, _text, _value

EMBD, HEADS, KV_HEADS, LAYERS, FEED = 32, 4, 2, 1, 64
HEAD = EMBD // HEADS
CONTEXT = 2048
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9

Pair = tuple[str, str, Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """What one architecture adds to the common parts. `extra`: tensors of a layer by their shape.

    `template`: a file in templates/, as the family's own models carry it (tools left out); "" for a
    base model without one.
    """

    architecture: str
    template: str = ""
    pairs: tuple[Pair, ...] = ()
    extra: dict[str, Shape] = field(default_factory=dict)
    fused: bool = False
    gate: bool = True
    head: int = HEAD
    kv_heads: int = KV_HEADS


def tokenizer(model: Path) -> list[tuple[str, bytes]]:
    """The raw tokenizer settings of a GGUF file: key and encoded value."""
    data = model.read_bytes()
    at = 24
    found = []
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        length = struct.unpack_from("<Q", data, at)[0]
        key = data[at + 8 : at + 8 + length].decode()
        start = at + 8 + length
        at = _after(data, start)
        if key.startswith("tokenizer.ggml."):
            found.append((key, data[start:at]))
    return found


def write(path: Path, family: Family, like: Path, *, seed: int = 1, name: str = "Tiny") -> Path:
    """A whole model file of this family with the tokenizer of `like`."""
    words = tokenizer(like)
    vocabulary = next(struct.unpack_from("<Q", raw, 8)[0] for key, raw in words if key.endswith(".tokens"))
    tensors = _tensors(family, vocabulary)
    pairs = [
        *_pairs(family, name),
        *(("tokenizer.chat_template", "text", family.template),) * bool(family.template),
    ]
    path.write_bytes(assemble(pairs, words, tensors, seed))
    return path


def template(family: Family) -> str:
    return (TEMPLATES / f"{family.template}.jinja").read_text("utf-8")


def write_adapter(path: Path, architecture: str, seed: int = 5, *, alpha: float = 64.0) -> Path:
    """A LoRA adapter of rank 4 for the attention of such a model."""
    pairs: list[Pair] = [
        ("general.type", "text", "adapter"),
        ("general.architecture", "text", architecture),
        ("general.name", "text", "Tiny adapter"),
        ("adapter.type", "text", "lora"),
        ("adapter.lora.alpha", "f32", alpha),
    ]
    tensors: dict[str, Shape] = {
        f"blk.{layer}.attn_{part}.weight.lora_{side}": shape
        for layer in range(LAYERS)
        for part in ("q", "output")
        for side, shape in (("a", (EMBD, 4)), ("b", (4, EMBD)))
    }
    path.write_bytes(assemble(pairs, [], tensors, seed))
    return path


def assemble(
    pairs: Sequence[Pair], raw: Sequence[tuple[str, bytes]], tensors: dict[str, Shape], seed: int
) -> bytes:
    """Header and noise as F32: norms near one, the rest small."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs) + len(raw))
    head += b"".join(_text(key) + _value(kind, value) for key, kind, value in pairs)
    head += b"".join(_text(key) + value for key, value in raw)
    offset, body = 0, []
    chance = random.Random(seed)  # noqa: S311 - weights, not secrets
    for tensor, shape in tensors.items():
        count = 1
        for size in shape:
            count *= size
        head += _text(tensor) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", F32, offset)
        values = _noise(chance, count, centre=1.0 if "norm" in tensor else 0.0)
        body.append(values + bytes(-len(values) % 32))
        offset += len(body[-1])
    return head + bytes(-len(head) % 32) + b"".join(body)


def _noise(chance: random.Random, count: int, centre: float) -> bytes:
    block = [chance.gauss(centre, 0.3) for _ in range(min(count, 4099))]
    packed = struct.pack(f"<{len(block)}f", *block)
    return (packed * (count // len(block) + 1))[: 4 * count]


def _pairs(family: Family, name: str) -> list[Pair]:
    arch = family.architecture
    return [
        ("general.architecture", "text", arch),
        ("general.name", "text", name),
        ("general.license", "text", "mit"),
        ("general.file_type", "u32", 0),
        (f"{arch}.context_length", "u32", CONTEXT),
        (f"{arch}.embedding_length", "u32", EMBD),
        (f"{arch}.block_count", "u32", LAYERS),
        (f"{arch}.feed_forward_length", "u32", FEED),
        (f"{arch}.attention.head_count", "u32", HEADS),
        (f"{arch}.attention.head_count_kv", "u32", family.kv_heads),
        (f"{arch}.attention.layer_norm_rms_epsilon", "f32", 1e-5),
        (f"{arch}.rope.dimension_count", "u32", family.head),
        *family.pairs,
    ]


def _tensors(family: Family, vocabulary: int) -> dict[str, Shape]:
    query, key = HEADS * family.head, family.kv_heads * family.head
    layer: dict[str, Shape] = {"attn_norm.weight": (EMBD,), "attn_output.weight": (query, EMBD)}
    if family.fused:
        layer["attn_qkv.weight"] = (EMBD, query + 2 * key)
        layer["ffn_up.weight"] = (EMBD, 2 * FEED)
    else:
        layer |= {"attn_q.weight": (EMBD, query), "attn_k.weight": (EMBD, key), "attn_v.weight": (EMBD, key)}
        layer |= {"ffn_up.weight": (EMBD, FEED), "ffn_gate.weight": (EMBD, FEED)}
    layer |= {"ffn_norm.weight": (EMBD,), "ffn_down.weight": (FEED, EMBD), **family.extra}
    every: dict[str, Shape] = {"token_embd.weight": (EMBD, vocabulary), "output_norm.weight": (EMBD,)}
    return every | {f"blk.{n}.{part}": shape for n in range(LAYERS) for part, shape in layer.items()}


def _after(data: bytes, at: int) -> int:
    """Where the typed value at `at` ends."""
    kind = struct.unpack_from("<I", data, at)[0]
    return _skip(data, at + 4, kind)


def _skip(data: bytes, at: int, kind: int) -> int:
    if kind == STRING:
        return at + 8 + int(struct.unpack_from("<Q", data, at)[0])
    if kind == ARRAY:
        item, count = struct.unpack_from("<IQ", data, at)
        at += 12
        if item in SIZES:
            return at + SIZES[item] * int(count)
        for _ in range(count):
            at = _skip(data, at, item)
        return at
    return at + SIZES[kind]


_BIASES: dict[str, Shape] = {
    "attn_q.bias": (EMBD,),
    "attn_k.bias": (KV_HEADS * HEAD,),
    "attn_v.bias": (KV_HEADS * HEAD,),
}
_QK_NORMS: dict[str, Shape] = {"attn_q_norm.weight": (HEAD,), "attn_k_norm.weight": (HEAD,)}
_POST_NORMS: dict[str, Shape] = {"post_attention_norm.weight": (EMBD,), "post_ffw_norm.weight": (EMBD,)}


def _keys(arch: str) -> tuple[Pair, ...]:
    return (
        (f"{arch}.attention.key_length", "u32", HEAD),
        (f"{arch}.attention.value_length", "u32", HEAD),
        (f"{arch}.attention.sliding_window", "u32", 512),
    )


TEMPLATES = Path(__file__).parent / "templates"
FAMILIES: dict[str, Family] = {
    "llama": Family("llama", "llama-3"),
    "qwen2": Family("qwen2", "qwen", extra=_BIASES),
    "qwen3": Family("qwen3", "qwen", _keys("qwen3")[:2], extra=_QK_NORMS),
    "gemma2": Family("gemma2", "gemma", _keys("gemma2"), extra=_POST_NORMS),
    "gemma3": Family("gemma3", "gemma", _keys("gemma3"), extra={**_POST_NORMS, **_QK_NORMS}),
    "phi3": Family("phi3", "phi-3", fused=True, kv_heads=HEADS),
    "mistral": Family("llama", "mistral"),
    "deepseek-r1": Family("qwen2", "deepseek-r1", extra=_BIASES),
    "base": Family("llama"),
}
