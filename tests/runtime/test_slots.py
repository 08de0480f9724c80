"""What need not be read again, by whom, and who never gains from somebody else's prompt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.protocol.messages import Cancel, Finished, Forget, Generate, Turn
from tests.fakes import FakeClock
from tests.runtime.device import Bench, asks

HOUSE = Turn("system", "You are the assistant of the works council. Be brief and kind.")


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock, slots=2, n_ctx=200, kv_ram=1000)


def read_by(bench: Bench, *questions: Generate) -> dict[str, int]:
    """How many tokens each had to read when all came at once; each got its own right answer."""
    bench.take(*questions)
    bench.run()
    read = {}
    for question in questions:
        end = bench.end(question.id)
        assert isinstance(end, Finished)
        assert bench.text(question.id) == bench.expected(question)
        read[question.id] = end.prompt_tokens - end.cached_tokens
    return read


def follow_up(bench: Bench, name: str, first: Generate, scope: str) -> Generate:
    before = (*first.turns, Turn("assistant", bench.text(first.id)))
    return asks(name, "and", before=before, scope=scope)


def test_a_conversation_that_lost_its_slot_is_read_from_memory(bench: Bench) -> None:
    first = asks("first", "hello", scope="alice/1")
    read_by(bench, first)
    for number in range(4):
        read_by(bench, asks(f"other{number}", f"busy {number}", scope=f"bob/{number}", payer="bob"))
    assert not any(slot[:5] == list(map(ord, "u:hel")) for slot in bench.device.kv)
    assert read_by(bench, follow_up(bench, "again", first, "alice/1"))["again"] <= len("|u:and|a:")


def test_without_memory_for_it_the_conversation_is_read_again(clock: FakeClock) -> None:
    bench = Bench(clock, slots=1, n_ctx=200, kv_ram=0)
    first = asks("first", "hello", scope="alice/1")
    read_by(bench, first)
    read_by(bench, asks("other", "busy", scope="bob/1"))
    again = follow_up(bench, "again", first, "alice/1")
    assert read_by(bench, again)["again"] == len(bench.text("first") + "u:hello|a:|u:and|a:")
    assert bench.device.saved == []


def test_what_is_forgotten_is_freed_at_once_wherever_it_is(bench: Bench) -> None:
    for number in range(5):
        read_by(bench, asks(str(number), f"hello {number}", scope=f"alice/{number}"))
    assert sum(state.tokens is not None for state in bench.device.saved) == 3
    bench.take(Forget("alice/0"))
    assert sum(state.tokens is not None for state in bench.device.saved) == 2
    bench.take(Forget("alice/"))
    assert all(state.tokens is None for state in bench.device.saved)
    assert bench.device.kv == [[], []]


def test_a_public_prefix_is_read_once_however_many_come_at_once(clock: FakeClock) -> None:
    bench = Bench(clock, slots=4, n_ctx=200, kv_ram=1000)
    questions = [
        asks(name, f"I am {name}", payer=name, before=(HOUSE,), prefix_turns=1, scope=f"{name}/1")
        for name in ("alice", "bob", "carol", "dave")
    ]
    read = read_by(bench, *questions)
    public = len(f"s:{HOUSE.content}|u:")
    assert read["alice"] == public + len("I am alice|a:")
    assert {name: count for name, count in read.items() if name != "alice"} == {
        name: len(f"I am {name}|a:") for name in ("bob", "carol", "dave")
    }


def test_when_its_reader_leaves_the_next_one_reads_the_prefix(bench: Bench) -> None:
    questions = [asks(name, name, payer=name, before=(HOUSE,), prefix_turns=1) for name in ("a", "b")]
    bench.take(*questions)
    bench.engine.step()
    bench.take(Cancel("a"))
    bench.run()
    assert bench.text("b") == bench.expected(questions[1])


def test_a_prefix_that_does_not_fit_the_budget_is_read_by_everybody(clock: FakeClock) -> None:
    bench = Bench(clock, slots=4, n_ctx=200, kv_ram=10)
    questions = [asks(name, name, payer=name, before=(HOUSE,), prefix_turns=1) for name in "abcd"]
    assert len(set(read_by(bench, *questions).values())) == 1


def test_the_same_text_is_shared_only_where_an_administrator_made_it_public(bench: Bench) -> None:
    read_by(bench, asks("public", "hi", before=(HOUSE,), prefix_turns=1, scope="alice/1"))
    private = asks("private", "hi", before=(HOUSE,), scope="bob/1", payer="bob")
    assert read_by(bench, private)["private"] == len(f"s:{HOUSE.content}|u:hi|a:")
    short = (Turn("system", "Be kind."),)
    read_by(bench, asks("short", "hi", before=short, prefix_turns=1))
    assert read_by(bench, asks("short2", "hi", before=short, prefix_turns=1))["short2"] == len(
        "s:Be kind.|u:hi|a:"
    )


def test_a_users_own_system_prompt_is_read_once_for_them_and_again_for_others(bench: Bench) -> None:
    def question(name: str, user: str) -> Generate:
        own = f"{user}/api"
        return asks(name, name, payer=user, before=(HOUSE,), prefix_turns=1, prefix_scope=own, scope=own)

    read_by(bench, question("1", "alice"))
    for number in range(3):
        read_by(bench, asks(f"other{number}", "x", scope=f"carol/{number}", payer="carol"))
    assert read_by(bench, question("2", "alice"))["2"] == len("2|a:")
    assert read_by(bench, question("3", "bob"))["3"] == len(f"s:{HOUSE.content}|u:3|a:")
    bench.take(Forget("alice/"))
    assert read_by(bench, question("4", "alice"))["4"] == len(f"s:{HOUSE.content}|u:4|a:")


SECRETS = st.lists(st.text("abc ", max_size=40), max_size=6)


@settings(deadline=None)
@given(SECRETS, SECRETS, st.text("abc ", max_size=40), st.booleans())
def test_what_one_user_asked_changes_nothing_that_another_could_time(
    some: list[str], others: list[str], guess: str, house: bool
) -> None:
    """The spy's read tokens and its device time are the same whatever the other one's prompts were."""
    seen = set()
    for secrets in (some, others):
        bench = Bench(FakeClock(), slots=2, n_ctx=200, kv_ram=1000)
        before = (HOUSE,) if house else ()
        for number, secret in enumerate(secrets):
            question = asks(f"s{number}", secret, scope=f"alice/{number % 2}", before=before)
            bench.take(question)
            bench.run()
        if house:
            bench.take(asks("warm", "x", before=before, prefix_turns=1, payer="eve", scope="eve/0"))
            bench.run()
        read_before, began = bench.device.read_tokens, bench.clock.monotonic()
        spy = asks("spy", guess, before=before, prefix_turns=int(house), payer="eve", scope="eve/1")
        bench.take(spy)
        while not (bench.text("spy") or bench.expected(spy) == "") and bench.engine.busy:
            bench.engine.step()
        seen.add((bench.device.read_tokens - read_before, round(bench.clock.monotonic() - began, 6)))
        bench.run()
    assert len(seen) == 1


def test_the_templates_own_words_are_read_once_for_everybody_and_count_as_nobodys(clock: FakeClock) -> None:
    own = "You are a helpful machine.|"
    bench = Bench(clock, slots=4, n_ctx=200, kv_ram=1000, opening=own)
    questions = [asks(name, f"I am {name}", payer=name, scope=f"{name}/1") for name in ("alice", "bob")]
    assert read_by(bench, *questions) == {
        name: len(f"{own}u:I am {name}|a:") for name in ("alice", "bob")
    }  # nothing is said to be cached: nobody's text was
    assert bench.device.read_tokens == len(f"{own}u:") + len("I am alice|a:") + len("I am bob|a:")
