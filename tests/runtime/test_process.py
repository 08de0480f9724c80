"""The real process with the real model over a real socketpair."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.protocol.messages import (
    Cancel,
    Forget,
    GetStats,
    Hello,
    Progress,
    Stats,
    Token,
    Tokenize,
    Tokenized,
    Turn,
)
from tests.runtime.client import RuntimeProcess, ask, reads, runtime, speaks, waits

SUBJECTS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight"),
    *("nine", "ten", "red", "blue", "green", "salt", "rain", "snow"),
)


@pytest.fixture(scope="module")
def served(embedded_model: Path) -> Iterator[RuntimeProcess]:
    """One started runtime for the questions that leave nothing behind."""
    with runtime(embedded_model) as process:
        process.hello()
        yield process


def test_hello_comes_first_and_says_what_runs(served: RuntimeProcess) -> None:
    hello = served.hello()
    assert isinstance(hello, Hello)
    assert (hello.n_ctx, hello.slots, hello.quantization) == (512, 16, "Q4_1")
    assert hello.n_params > 134_000_000


def test_sixteen_at_once_each_get_their_own_answer(served: RuntimeProcess) -> None:
    for word in SUBJECTS:
        served.send(ask(f"16-{word}", f'Repeat this word: "{word}"', payer=word, max_tokens=10))
    ends = {word: served.finished(f"16-{word}") for word in SUBJECTS}
    texts = {word: served.text(f"16-{word}").lower() for word in SUBJECTS}
    assert all(0 < end.completion_tokens <= 10 for end in ends.values())
    own = [word for word in SUBJECTS if word in texts[word]]
    foreign = [(word, other) for word in SUBJECTS for other in SUBJECTS if _quotes(texts[word], word, other)]
    assert len(own) >= 12, texts  # a small model does not always obey, but never answers another's question
    assert not foreign, texts


def _quotes(text: str, word: str, other: str) -> bool:
    return other != word and f'"{other}"' in text


def test_an_answer_alone_equals_itself_again(served: RuntimeProcess) -> None:
    for name in ("again-1", "again-2"):
        served.send(ask(name, "Name three colours.", max_tokens=20))
        served.finished(name)
    assert served.text("again-1") == served.text("again-2") != ""


def test_a_seed_reproduces_and_another_seed_does_not(served: RuntimeProcess) -> None:
    for name, seed in (("seed-1", 7), ("seed-2", 7), ("seed-3", 8)):
        served.send(ask(name, "Tell me a story.", max_tokens=32, temperature=1.0, seed=seed))
        served.finished(name)
    assert served.text("seed-1") == served.text("seed-2") != served.text("seed-3")


def test_hangul_is_never_broken(served: RuntimeProcess) -> None:
    for number in range(2):
        question = "대한민국의 수도는 어디인가요? 한국어로 답하세요."
        served.send(ask(f"ko-{number}", question, max_tokens=40, payer=str(number)))
    for number in range(2):
        served.finished(f"ko-{number}")
        text = served.text(f"ko-{number}")
        assert "\ufffd" not in text
        assert any("가" <= letter <= "힣" for letter in text), text


def test_a_stop_string_ends_the_answer_unseen(served: RuntimeProcess) -> None:
    served.send(ask("whole", "Count from 1 to 9.", max_tokens=40))
    served.finished("whole")
    text = served.text("whole")
    stop = text[5:8]
    served.send(ask("stopped", "Count from 1 to 9.", max_tokens=40, stop=(stop,)))
    assert served.finished("stopped").reason == "stop"
    assert served.text("stopped") == text[: text.index(stop)]


def test_cancelling_a_speaker_lets_the_next_one_in(embedded_model: Path) -> None:
    with runtime(embedded_model, slots=1) as process:
        process.hello()
        process.send(ask("first", "Write a long poem.", max_tokens=None), ask("second", "Hi.", payer="bob"))
        process.wait(lambda: speaks(process, "first") and waits(process, "second"))
        process.send(Cancel("first"))
        assert process.finished("first").reason == "cancelled"
        assert process.finished("second").reason in ("stop", "length")
        process.send(ask("third", "Hi.", max_tokens=None), ask("fourth", "Hi."))
        process.wait(lambda: waits(process, "fourth"))
        process.send(Cancel("fourth"), Cancel("third"), Cancel("nobody"))
        assert process.finished("fourth").reason == "cancelled"
        assert process.finished("fourth").completion_tokens == 0
        assert process.finished("third").reason == "cancelled"
        process.send(ask("late", "Hi.", max_tokens=None, deadline_s=0.01))
        assert process.finished("late").reason == "timeout"


def test_a_follow_up_reads_only_what_is_new_in_its_own_scope(served: RuntimeProcess) -> None:
    first = "My cat is called Mandu and she is three years old. " * 4
    served.send(ask("turn-1", first, scope="conversation"))
    read = served.finished("turn-1").prompt_tokens
    before = (Turn("user", first), Turn("assistant", served.text("turn-1")))
    for name, scope in (("turn-2", "conversation"), ("spy", "another")):
        served.send(ask(name, "What is she called?", before=before, scope=scope))
        served.finished(name)
    assert served.finished("turn-2").cached_tokens >= read
    assert served.finished("spy").cached_tokens == 0
    served.send(Forget("conversation"), ask("turn-3", "And?", before=before, scope="conversation"))
    assert served.finished("turn-3").cached_tokens == 0


def test_a_prompt_too_long_fails_with_both_numbers_or_is_trimmed(served: RuntimeProcess) -> None:
    old = (Turn("user", "many words " * 400), Turn("assistant", "so it is"))
    served.send(ask("api", "Hi.", before=old), ask("chat", "Hi.", before=old, trim=True))
    failed = served.failed("api")
    assert (failed.code, failed.n_ctx) == ("context_too_long", 512)
    assert failed.prompt_tokens > 512
    assert served.finished("chat").dropped_turns == 2


def test_progress_is_told_while_a_prompt_is_read(served: RuntimeProcess) -> None:
    served.send(ask("long", "word " * 300))
    end = served.finished("long")
    done = [frame.done for frame in served.of("long") if isinstance(frame, Progress)]
    assert done == sorted(done)
    assert done[-1] == end.prompt_tokens
    assert len(set(done)) > 1
    assert reads(served, "long")


def test_questions_about_tokens_and_speed_are_answered(served: RuntimeProcess) -> None:
    served.send(Tokenize("tokens", "내실 있는 서버 <|im_end|>"), GetStats("stats"))
    served.wait(lambda: bool(served.of("tokens") and served.of("stats")))
    tokens, stats = served.of("tokens")[0], served.of("stats")[0]
    assert isinstance(tokens, Tokenized)
    assert len(tokens.tokens) > 5
    assert 2 not in tokens.tokens  # text is text: no control token
    assert isinstance(stats, Stats)
    assert (stats.running, stats.waiting, stats.slots) == (0, 0, 16)


def test_a_reader_who_stops_reading_holds_nobody_up(served: RuntimeProcess) -> None:
    """No credit is ever given: after the first frames the rest comes merged, with the end."""
    served.send(ask("silent", "Write a long poem.", max_tokens=90), ask("other", "Hi.", payer="bob"))
    served.finished("other")
    end = served.finished("silent")
    frames = [frame for frame in served.of("silent") if isinstance(frame, Token)]
    assert end.completion_tokens == 90
    assert len(frames) <= 65


def test_a_killed_process_is_an_end_of_file_and_nothing_else(embedded_model: Path) -> None:
    with runtime(embedded_model, slots=2) as process:
        process.hello()
        process.send(ask("cut", "Write a long poem.", max_tokens=None))
        process.wait(lambda: speaks(process, "cut"))
        os.kill(process.process.pid, signal.SIGKILL)
        while data := process.sock.recv(65536):
            assert data
        assert process.process.wait(10) == -signal.SIGKILL


def test_the_end_of_the_socket_is_a_clean_end(embedded_model: Path) -> None:
    with runtime(embedded_model, slots=2) as process:
        process.hello()
        process.send(ask("cut", "Write a long poem.", max_tokens=None))
        process.wait(lambda: speaks(process, "cut"))
        assert process.stop() == 0
        assert process.errors() == "exit 0: "


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "header"])
def test_a_model_that_cannot_be_loaded_is_said_in_one_line(
    embedded_model: Path, tmp_path: Path, damage: str
) -> None:
    broken = tmp_path / "broken.gguf"
    if damage != "missing":
        data = bytearray(embedded_model.read_bytes()[: {"empty": 0, "truncated": 30_000_000}.get(damage)])
        if damage == "header":
            data[8:24] = b"\xff" * 16
        broken.write_bytes(data)
    with runtime(broken) as process:
        assert process.process.wait(60) == 3
        assert process.process.stderr is not None
        line = json.loads(process.process.stderr.read())
        assert line["error"] == "model_not_loaded"
        assert "Traceback" not in line["reason"]
