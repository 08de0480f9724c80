"""What each sampling parameter does to the real model's words, not only that it is taken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.protocol.messages import Chosen, Token, Tokenize, Tokenized
from tests.runtime.client import RuntimeProcess, ask, runtime

STORY = "Tell me a story."
HOT: dict[str, Any] = {"temperature": 2.0, "seed": 3}


@dataclass
class Speaker:
    """One model process, and how often it was asked."""

    process: RuntimeProcess
    names: list[str] = field(default_factory=list)

    def ask(self, max_tokens: int = 16, **sampling: Any) -> str:
        """The name of an answered request to tell a story."""
        name = f"{len(self.names)}"
        self.names.append(name)
        request = ask(name, STORY, max_tokens=max_tokens)
        wanted = msgspec.structs.replace(request.sampling, **sampling)
        self.process.send(msgspec.structs.replace(request, sampling=wanted))
        self.process.finished(name)
        return name

    def says(self, max_tokens: int = 16, **sampling: Any) -> str:
        return self.process.text(self.ask(max_tokens, **sampling))

    def odds(self, **sampling: Any) -> list[Chosen]:
        """The first two tokens with their odds and the likeliest one's."""
        frames = self.process.of(self.ask(2, logprobs=1, **sampling))
        return [one for frame in frames if isinstance(frame, Token) for one in frame.chosen]

    def token(self, text: str) -> int:
        self.process.send(Tokenize("number", text))
        self.process.wait(lambda: bool(self.process.of("number")))
        tokenized = self.process.of("number")[0]
        assert isinstance(tokenized, Tokenized)
        (token,) = tokenized.tokens
        return token


@pytest.fixture(scope="module")
def speaker(embedded_model: Path) -> Iterator[Speaker]:
    with runtime(embedded_model, slots=2) as process:
        process.hello()
        yield Speaker(process)


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 0.0}])
def test_a_choice_of_one_is_the_likeliest_word_however_hot(speaker: Speaker, narrow: dict[str, Any]) -> None:
    wide: dict[str, Any] = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    likeliest = speaker.says(temperature=0.0)
    assert speaker.says(**{**wide, **HOT}) != likeliest
    assert speaker.says(**{**wide, **HOT, **narrow}) == likeliest


@pytest.mark.parametrize(
    "penalty", [{"presence_penalty": 2.0}, {"frequency_penalty": 2.0}, {"repeat_penalty": 2.0}]
)
def test_a_penalty_keeps_a_word_from_coming_twice(speaker: Speaker, penalty: dict[str, float]) -> None:
    """The first word is favoured by just so much that it comes again; less than any penalty takes away."""
    first = speaker.says(1)
    token = speaker.token(first)
    again = speaker.odds(logit_bias={token: 100.0})[1]
    favour = {token: again.top[0].logprob - again.odds.logprob + 1.0}
    assert speaker.says(2, logit_bias=favour) == first * 2
    punished = speaker.says(2, logit_bias=favour, **penalty)
    assert punished.startswith(first)
    assert punished != first * 2


def test_a_penalty_below_nothing_favours_what_was_said(speaker: Speaker) -> None:
    first = speaker.says(1)
    token = speaker.token(first)
    again = speaker.odds(logit_bias={token: 100.0})[1]
    short = {token: again.top[0].logprob - again.odds.logprob - 1.0}
    assert speaker.says(2, logit_bias=short) != first * 2
    assert speaker.says(2, logit_bias=short, presence_penalty=-2.0) == first * 2


def test_frequency_counts_every_time_and_presence_only_once(speaker: Speaker) -> None:
    """With a favour that one penalty cannot undo, the word comes for ever; with a growing one it stops."""
    first = speaker.says(1)
    favour = {speaker.token(first): 100.0}
    forever = first * 60
    assert speaker.says(60, logit_bias=favour) == forever
    assert speaker.says(60, logit_bias=favour, presence_penalty=2.0) == forever
    counted = speaker.says(60, logit_bias=favour, frequency_penalty=2.0)
    assert counted.startswith(first * 2)
    assert counted != forever


@pytest.mark.parametrize("others", [1, 7])
def test_a_seed_reproduces_beside_others_too(embedded_model: Path, others: int) -> None:
    def once(process: RuntimeProcess, number: int, beside: int) -> str:
        for other in range(beside):
            process.send(ask(f"{number}-{other}", "Count to a hundred.", payer=str(other), max_tokens=60))
        process.send(ask(f"{number}", STORY, max_tokens=40, temperature=0.8, seed=7))
        process.finished(f"{number}")
        for other in range(beside):
            process.finished(f"{number}-{other}")
        return process.text(f"{number}")

    with runtime(embedded_model, slots=8) as process:
        process.hello()
        assert once(process, 0, 0) == once(process, 1, others)
