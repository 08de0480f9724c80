"""Texts as vectors: by the embedded model, by a model made for it, and taking turns."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.protocol.messages import Cancel, Embed, Embedded, Failed
from tests.fakes import FakeClock
from tests.inference.tiny_models import EMBD, FEED, Pair, Shape, assemble, tokenizer
from tests.runtime.client import RuntimeProcess, ask, runtime
from tests.runtime.device import Bench, asks

READS = 512


def bert(path: Path, like: Path, pooling: int) -> Path:
    """A model that only reads: BERT's architecture, random weights, the embedded model's tokenizer."""
    pairs: list[Pair] = [
        ("general.architecture", "text", "bert"),
        ("general.name", "text", "Tiny reader"),
        ("general.license", "text", "mit"),
        ("general.file_type", "u32", 0),
        ("bert.context_length", "u32", READS),
        ("bert.embedding_length", "u32", EMBD),
        ("bert.block_count", "u32", 1),
        ("bert.feed_forward_length", "u32", FEED),
        ("bert.attention.head_count", "u32", 4),
        ("bert.attention.layer_norm_epsilon", "f32", 1e-12),
        ("bert.attention.causal", "bool", False),
        ("bert.pooling_type", "u32", pooling),
        ("tokenizer.ggml.token_type_count", "u32", 2),
    ]
    words = tokenizer(like)
    vocabulary = next(struct.unpack_from("<Q", raw, 8)[0] for key, raw in words if key.endswith(".tokens"))
    tensors: dict[str, Shape] = {
        "token_embd.weight": (EMBD, vocabulary),
        "token_types.weight": (EMBD, 2),
        "position_embd.weight": (EMBD, READS),
        **_both("token_embd_norm", (EMBD,)),
        **_both("blk.0.attn_output_norm", (EMBD,)),
        **_both("blk.0.layer_output_norm", (EMBD,)),
        **_both("blk.0.ffn_up", (EMBD, FEED)),
        **_both("blk.0.ffn_down", (FEED, EMBD)),
    }
    for part in ("q", "k", "v", "output"):
        tensors |= _both(f"blk.0.attn_{part}", (EMBD, EMBD))
    raw = [pair for pair in words if pair[0] != "tokenizer.chat_template"]
    path.write_bytes(assemble(pairs, raw, tensors, seed=3))
    return path


def _both(name: str, shape: Shape) -> dict[str, Shape]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[-1:]}


def vector(process: RuntimeProcess, name: str, given: str | tuple[int, ...]) -> list[float]:
    process.send(Embed(id=name, input=given, fair_key="alice"))
    process.wait(lambda: bool(process.of(name)))
    (answer,) = process.of(name)
    assert isinstance(answer, Embedded), answer
    return list(struct.unpack(f"<{len(answer.vector) // 4}f", answer.vector))


def alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def served(embedded_model: Path) -> Iterator[RuntimeProcess]:
    with runtime(embedded_model, slots=2) as process:
        process.hello()
        yield process


def test_the_embedded_model_places_like_texts_near_each_other(served: RuntimeProcess) -> None:
    cat = vector(served, "cat", "The cat sits on the mat.")
    kitten = vector(served, "kitten", "A kitten is sitting on a rug.")
    money = vector(served, "money", "Quarterly revenue grew by ten percent.")
    assert math.isclose(alike(cat, cat), 1.0, abs_tol=1e-5)
    assert alike(cat, kitten) > alike(cat, money)
    assert vector(served, "again", "The cat sits on the mat.") == cat


def test_a_long_text_is_read_in_chunks_and_its_mean_is_that_of_all_tokens(served: RuntimeProcess) -> None:
    long = vector(served, "long", "word " * 900)
    assert math.isclose(alike(long, long), 1.0, abs_tol=1e-5)
    served.send(Embed(id="too-long", input="word " * 9000, fair_key="alice"))
    served.send(Embed(id="empty", input="", fair_key="alice"))
    served.send(Embed(id="unknown", input=(10**9,), fair_key="alice"))
    assert served.failed("too-long").prompt_tokens > 9000
    assert (served.failed("empty").code, served.failed("unknown").code) == ("bad_request", "bad_request")


@pytest.mark.parametrize("pooling", [1, 2], ids=["mean", "first token"])
def test_a_model_made_for_vectors_makes_them_and_nothing_else(
    pooling: int, tmp_path: Path, embedded_model: Path
) -> None:
    with runtime(bert(tmp_path / "bert.gguf", embedded_model, pooling), slots=2, context=256) as process:
        process.hello()
        one = vector(process, "one", "The cat sits on the mat.")
        assert len(one) == EMBD
        assert math.isclose(alike(one, one), 1.0, abs_tol=1e-5)
        assert vector(process, "other", "Quarterly revenue grew.") != one
        process.send(ask("chat", "Hello?"))
        assert process.failed("chat").code == "no_text"
        assert vector(process, "after", "The cat sits on the mat.") == one


def test_payers_take_turns_and_answers_go_on_meanwhile(clock: FakeClock) -> None:
    bench = Bench(clock)
    for number in range(3):
        bench.take(Embed(id=f"greedy-{number}", input="x" * 30, fair_key="greedy"))
    bench.take(Embed(id="modest", input="y" * 30, fair_key="modest"), asks("chat"))
    bench.run()
    order = [frame.id for frame in bench.sent if isinstance(frame, Embedded)]
    assert order == ["greedy-0", "modest", "greedy-1", "greedy-2"]
    assert bench.text("chat")


def test_a_vector_nobody_waits_for_is_not_made(clock: FakeClock) -> None:
    bench = Bench(clock, queue_limit=2)
    for name in "abc":
        bench.take(Embed(id=name, input="x" * 30, fair_key="alice"))
    refused = bench.end("c")
    assert isinstance(refused, Failed)
    assert refused.code == "queue_full"
    bench.engine.step()
    bench.take(Cancel("a"), Cancel("b"))
    assert not bench.engine.busy
    assert bench.of("a") == bench.of("b") == []
