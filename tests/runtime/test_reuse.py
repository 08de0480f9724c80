"""KV that is kept and copied gives the same answers as KV that is read, on the real model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.protocol.messages import Forget, Generate, Token, Turn
from tests.runtime.client import RuntimeProcess, ask, runtime

HOUSE = Turn("system", "You answer questions about the works council in one short sentence. " * 4)


@pytest.fixture(scope="module", params=[{}, {"kv_unified": True}])
def served(embedded_model: Path, request: pytest.FixtureRequest) -> Iterator[RuntimeProcess]:
    layout: dict[str, Any] = request.param
    with runtime(embedded_model, slots=2, kv_ram_bytes=64 << 20, **layout) as process:
        process.hello()
        yield process


def busy(process: RuntimeProcess, name: str) -> None:
    """Others take both slots."""
    for number in range(3):
        process.send(ask(f"{name}{number}", f"Say {number}.", scope=f"others/{name}{number}", max_tokens=2))
    for number in range(3):
        process.finished(f"{name}{number}")


def first_odds(process: RuntimeProcess, question: Generate) -> dict[bytes, float]:
    """The likeliest first tokens of the answer, with the logarithm of their odds."""
    sampling = msgspec.structs.replace(question.sampling, logprobs=20, max_tokens=1)
    process.send(msgspec.structs.replace(question, sampling=sampling))
    process.finished(question.id)
    said = next(frame for frame in process.of(question.id) if isinstance(frame, Token))
    return {odds.piece: odds.logprob for odds in said.chosen[0].top}


def apart(one: dict[bytes, float], other: dict[bytes, float]) -> float:
    """How far the odds of the tokens lie from each other that both hold likely."""
    return max(abs(one[piece] - other[piece]) for piece in one.keys() & other.keys())


def test_a_conversation_comes_back_from_memory_and_goes_when_it_is_forgotten(served: RuntimeProcess) -> None:
    """Reading with other borders between batches rounds differently, so odds are compared, not texts."""
    first = "My cat is called Mandu and she is three years old. " * 6
    served.send(ask("first", first, scope="alice/cat"))
    read = served.finished("first").prompt_tokens
    before = (Turn("user", first), Turn("assistant", served.text("first")))
    question = "What is she called?"
    busy(served, "one")
    again = first_odds(served, ask("again", question, before=before, scope="alice/cat"))
    assert served.finished("again").cached_tokens >= read
    busy(served, "two")
    served.send(Forget("alice/"))
    gone = first_odds(served, ask("gone", question, before=before, scope="alice/cat"))
    assert served.finished("gone").cached_tokens == 0
    without = first_odds(served, ask("without", question))
    assert apart(again, gone) < 1.0 < apart(again, without)


def test_a_public_prefix_is_read_once_and_its_copies_answer_alike(served: RuntimeProcess) -> None:
    names = ["p1", "p2", "p3", "p4"]
    for name in names:
        served.send(ask(name, "Who may vote?", payer=name, before=(HOUSE,), prefix_turns=1))
    ends = [served.finished(name) for name in names]
    cached = sorted(end.cached_tokens for end in ends)
    assert cached[0] == 0
    assert cached[1] == cached[-1] >= ends[0].prompt_tokens - 20
    served.send(ask("own", "Who may vote?", before=(HOUSE,)))
    assert served.finished("own").cached_tokens == 0
    for name in ("q1", "q2"):  # one at a time: rows that share a batch differ in the last bits
        served.send(ask(name, "Who may vote?", payer=name, before=(HOUSE,), prefix_turns=1))
        assert served.finished(name).cached_tokens == cached[-1]
    assert served.text("q1") == served.text("q2") != ""
