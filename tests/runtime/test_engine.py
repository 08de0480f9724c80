"""The whole loop on a device that insists on what llama.cpp insists on."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from appliance.protocol.messages import (
    Cancel,
    Credit,
    Failed,
    Finished,
    Forget,
    GetStats,
    Progress,
    Queued,
    Stats,
    Token,
    Tokenize,
    Tokenized,
    Turn,
)
from tests.fakes import FakeClock
from tests.runtime.device import Bench, answer, asks


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def finished(bench: Bench, request_id: str) -> Finished:
    end = bench.end(request_id)
    assert isinstance(end, Finished), end
    return end


def failed(bench: Bench, request_id: str) -> Failed:
    end = bench.end(request_id)
    assert isinstance(end, Failed), end
    return end


def test_an_answer_is_what_the_prompt_alone_decides(bench: Bench) -> None:
    question = asks("q", "hello there")
    bench.take(question)
    bench.run()
    assert bench.text("q") == bench.expected(question)
    end = finished(bench, "q")
    assert (end.prompt_tokens, end.completion_tokens) == (16, len(bench.expected(question)))
    assert not bench.device.samplers


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "cancel", "step", "step", "forget", "credit"]),
        st.integers(0, 30),
        st.text("xyz", max_size=30),
        st.sampled_from(["", "s1", "s2"]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(ACTIONS, st.integers(1, 5))
def test_whatever_happens_every_request_ends_once_with_its_own_answer(
    actions: list[tuple[str, int, str, str]], slots: int
) -> None:
    bench, asked = Bench(FakeClock(), slots), {}
    for kind, number, text, scope in actions:
        name = str(number)
        if kind == "ask" and name not in asked:
            asked[name] = asks(name, text, payer=name[0], scope=scope, batch=number % 5 == 0)
            bench.take(asked[name])
        elif kind == "cancel":
            bench.take(Cancel(name))
        elif kind == "forget":
            bench.take(Forget(scope))
        elif kind == "credit":
            bench.take(Credit(name, 16))
        else:
            bench.engine.step()
    bench.run()
    for name, question in asked.items():
        end, text = finished(bench, name), bench.text(name)
        assert bench.expected(question).startswith(text)
        assert end.reason == "cancelled" or text == bench.expected(question)
    assert not bench.device.samplers


def test_cancelling_frees_the_slot_for_the_next_step(clock: FakeClock) -> None:
    bench = Bench(clock, slots=1, n_ctx=4096)
    bench.take(asks("long", "x" * 3000), asks("next"))
    bench.engine.step()
    bench.take(Cancel("long"))
    bench.engine.step()
    assert finished(bench, "long").reason == "cancelled"
    assert any(isinstance(frame, Progress) for frame in bench.of("next"))


def test_who_waits_hears_a_place_at_once_and_again_every_two_seconds(clock: FakeClock) -> None:
    bench = Bench(clock, slots=1)
    bench.take(asks("warm", "x"))
    bench.run()
    bench.take(asks("one", payer="a"), asks("two", payer="b"), asks("three", payer="c"))
    bench.engine.step()
    places = {frame.id: frame for frame in bench.sent if isinstance(frame, Queued)}
    assert {name: frame.position for name, frame in places.items()} == {"two": 1, "three": 2}
    assert all(frame.eta_s is not None and frame.eta_s > 0 for frame in places.values())
    told = len(bench.of("three"))
    clock.advance(2.0)
    bench.engine.step()
    assert len(bench.of("three")) == told + 1


def test_a_full_queue_refuses_and_says_when_to_come_back(clock: FakeClock) -> None:
    bench = Bench(clock, slots=1, queue_limit=1)
    bench.take(asks("one"), asks("two"), asks("three"))
    assert failed(bench, "three").code == "queue_full"
    assert failed(bench, "three").retry_after_s >= 1
    bench.run()
    assert finished(bench, "two").reason in ("stop", "length")


def test_a_long_prompt_never_stalls_an_answer_for_long(clock: FakeClock) -> None:
    bench = Bench(clock, slots=4, n_ctx=4096)
    bench.take(asks("short", "x"))
    bench.engine.step()
    bench.engine.step()
    bench.device.largest_read = 0
    bench.take(asks("document", "y" * 3000))
    for _ in range(3):
        bench.engine.step()
    assert 0 < bench.device.largest_read <= 200  # 0.2 s at the fake device's 1,000 tokens a second


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 4)), min_size=1, max_size=12),
    st.integers(2, 6),
    st.booleans(),
)
def test_nobody_waits_long_for_the_next_token_whatever_else_is_read(
    prompts: list[tuple[int, int]], slots: int, shared: bool
) -> None:
    """On a device that reads and generates 1,000 tokens a second: 0.2 s of reading and one step."""
    bench = Bench(FakeClock(), slots, n_ctx=1200, kv_ram=100_000)
    bench.take(asks("warm", "x", max_tokens=2))
    bench.run()
    talk = next(text for n in range(999) if len(answer(_prompt(text := f"t{n}"), 99)) > 60)
    bench.take(asks("talker", talk, payer="talker", max_tokens=60))
    spoken: list[float] = []
    waiting, seen, over = list(enumerate(prompts)), 0, False
    while not over:
        if waiting and len(spoken) > waiting[0][1][1]:
            number, (length, _) = waiting.pop(0)
            before = (Turn("system", "s" * 100),) if shared else ()
            text = "d" * (length + number)
            bench.take(asks(f"d{number}", text, before=before, prefix_turns=int(shared), max_tokens=3))
        bench.engine.step()
        for frame in bench.sent[seen:]:
            if isinstance(frame, Token) and frame.id == "talker":
                spoken.append(bench.clock.monotonic())
            over = over or (isinstance(frame, Finished) and frame.id == "talker")
        seen = len(bench.sent)
    gaps = [later - earlier for earlier, later in pairwise(spoken)]
    assert all(gap <= 0.2 + slots / 1000 + 1e-6 for gap in gaps)


def test_a_deadline_cuts_off_who_runs_and_who_waits(clock: FakeClock) -> None:
    bench = Bench(clock, slots=1, n_ctx=4096)
    bench.take(asks("runs", "x" * 2000, deadline_s=5.0), asks("waits", deadline_s=5.0), asks("later"))
    bench.engine.step()
    clock.advance(6.0)
    bench.run()
    assert finished(bench, "runs").reason == "timeout"
    assert finished(bench, "waits").reason == "timeout"
    assert finished(bench, "later").reason in ("stop", "length")


def test_a_follow_up_reads_only_what_is_new_and_only_in_its_own_scope(bench: Bench) -> None:
    bench.take(asks("first", "hi", scope="mine"))
    bench.run()
    said = Turn("assistant", bench.text("first"))
    for name, scope in (("same", "mine"), ("other", "theirs"), ("none", "")):
        bench.take(asks(name, "and", before=(Turn("user", "hi"), said), scope=scope))
        bench.run()
    assert finished(bench, "same").cached_tokens >= len("u:hi|a:")
    assert finished(bench, "other").cached_tokens == finished(bench, "none").cached_tokens == 0
    assert bench.text("same") == bench.text("other") == bench.text("none")


def test_a_forgotten_conversation_leaves_nothing_in_the_cache(bench: Bench) -> None:
    bench.take(asks("running", "abc", scope="gone"))
    bench.engine.step()
    bench.take(Forget("gone"))
    bench.run()
    bench.take(asks("idle", "abc", scope="gone"))
    bench.run()
    bench.take(Forget("gone"))
    assert not any(bench.device.kv)


def test_stop_strings_end_the_answer_and_are_not_shown(bench: Bench) -> None:
    whole = bench.expected(asks("q", "hello there"))
    bench.take(asks("q", "hello there", stop=(whole[2:4],)))
    bench.run()
    assert bench.text("q") == whole[: whole.index(whole[2:4])]
    assert finished(bench, "q").reason == "stop"


def test_the_limits_end_an_answer_with_length(bench: Bench) -> None:
    long_answer = next(
        text for number in range(100) if len(answer(_prompt(text := f"x{number}"), 60 - len(text))) > 40
    )
    bench.take(asks("few", long_answer, max_tokens=3), asks("room", long_answer))
    bench.run()
    assert (finished(bench, "few").reason, finished(bench, "few").completion_tokens) == ("length", 3)
    whole = finished(bench, "room")
    assert whole.prompt_tokens + whole.completion_tokens <= bench.device.n_ctx


def _prompt(text: str) -> list[int]:
    return [ord(letter) for letter in f"u:{text}|a:"]


def test_what_does_not_fit_fails_with_both_numbers_or_is_trimmed_with_a_count(bench: Bench) -> None:
    old = (Turn("user", "x" * 40), Turn("assistant", "y" * 20))
    bench.take(asks("api", "now", before=old), asks("chat", "now", before=old, trim=True))
    bench.run()
    assert failed(bench, "api") == Failed(id="api", code="context_too_long", prompt_tokens=74, n_ctx=64)
    assert finished(bench, "chat").dropped_turns == 2


def test_a_policy_may_allow_less_context_than_the_model_has(bench: Bench) -> None:
    old = (Turn("user", "x" * 10), Turn("assistant", "y" * 4))
    wide = replace(asks("wide", "now", before=old), most_context=0)
    bench.take(wide, replace(asks("narrow", "now", before=old), most_context=20))
    bench.take(replace(asks("chat", "now", before=old, trim=True), most_context=20))
    bench.run()
    assert finished(bench, "wide").prompt_tokens > 20
    assert failed(bench, "narrow").n_ctx == 20
    told = finished(bench, "chat")
    assert (told.dropped_turns, told.prompt_tokens + told.completion_tokens <= 20) == (2, True)


def test_bad_parameters_and_refusing_templates_are_told_apart(bench: Bench) -> None:
    bench.take(asks("bad", max_tokens=-1), asks("stops", stop=("",)), asks("weight", deadline_s=-1))
    assert {failed(bench, name).code for name in ("bad", "stops", "weight")} == {"bad_request"}
    bench.take(asks("role", before=(Turn("rogue", "text"),)))
    assert failed(bench, "role").code == "bad_template"


def test_a_batch_the_model_cannot_take_fails_its_requests_and_no_others(bench: Bench) -> None:
    bench.take(asks("one"), asks("two", payer="bob"))
    bench.engine.step()
    bench.device.broken = True
    bench.run()
    assert {failed(bench, name).code for name in ("one", "two")} == {"internal"}
    bench.device.broken = False
    bench.take(asks("three"))
    bench.run()
    assert bench.text("three") == bench.expected(asks("three"))


def test_an_id_in_use_does_not_disturb_its_owner(bench: Bench) -> None:
    bench.take(asks("same", "mine"), asks("same", "other"))
    bench.run()
    assert bench.text("same") == bench.expected(asks("same", "mine"))


def test_questions_about_the_engine_are_answered(bench: Bench) -> None:
    bench.take(Tokenize("t", "가a"), asks("q"), GetStats("s"))
    assert bench.of("t") == [Tokenized("t", (0xAC00, 97))]
    stats = bench.of("s")[0]
    assert isinstance(stats, Stats)
    assert (stats.waiting, stats.running, stats.slots) == (1, 0, 4)
    bench.run()
