import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.protocol.messages import Turn
from appliance.runtime.prompt import PromptBuilder, PromptTooLong
from appliance.runtime.template import ChatTemplate
from tests.runtime.device import TEMPLATE

N_CTX = 64


def builder() -> PromptBuilder:
    return PromptBuilder(ChatTemplate(TEMPLATE, "", "", ()), lambda text: [ord(c) for c in text], N_CTX)


def prompt_text(turns: tuple[Turn, ...], *, trim: bool = True) -> tuple[str, int]:
    prompt = builder().build(turns, trim=trim, max_tokens=None, n_ctx=N_CTX)
    return "".join(map(chr, prompt.tokens)), prompt.dropped_turns


def test_nothing_is_left_out_when_it_fits() -> None:
    assert prompt_text((Turn("system", "s"), Turn("user", "u"))) == ("s:s|u:u|a:", 0)


def test_the_oldest_pair_goes_and_the_system_turn_stays() -> None:
    turns = (
        Turn("system", "keep"),
        Turn("user", "1" * 20),
        Turn("assistant", "2" * 20),
        Turn("user", "3" * 8),
        Turn("assistant", "4" * 8),
        Turn("user", "last"),
    )
    assert prompt_text(turns) == ("s:keep|u:33333333|a:44444444|u:last|a:", 2)


def test_without_trim_it_fails_with_the_number() -> None:
    with pytest.raises(PromptTooLong) as raised:
        prompt_text((Turn("user", "x" * 100),), trim=False)
    assert raised.value.prompt_tokens == 105


def test_a_last_message_that_cannot_fit_fails_even_with_trim() -> None:
    with pytest.raises(PromptTooLong):
        prompt_text((Turn("user", "old"), Turn("assistant", "old"), Turn("user", "x" * 100)))


def test_ten_megabytes_are_measured_by_their_beginning() -> None:
    with pytest.raises(PromptTooLong) as raised:
        prompt_text((Turn("user", "x" * 10_000_000),))
    assert raised.value.prompt_tokens == pytest.approx(10_000_000, rel=0.01)


TURNS = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text("xyz", max_size=40)), min_size=1
)


@settings(deadline=None)
@given(TURNS)
def test_trimming_keeps_the_end_the_system_turns_and_the_limit(pairs: list[tuple[str, str]]) -> None:
    turns = tuple(Turn(role, text) for role, text in pairs)
    try:
        text, dropped = prompt_text(turns)
    except PromptTooLong:
        return
    assert len(text) < N_CTX
    assert text.endswith(f"{turns[-1].role[0]}:{turns[-1].content}|a:")
    assert text.count("|") == len(turns) - dropped + 0
    for turn in turns:
        if turn.role == "system":
            assert f"s:{turn.content}|" in text
