"""What a model writes, told apart however its tokens fall."""

import json
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.protocol.messages import Odds, Sampling
from appliance.runtime.answer import Answer, Rules
from appliance.runtime.calls import Notation
from appliance.runtime.sampling import plan
from appliance.runtime.speech import CallReader, Said, Speech
from appliance.runtime.stopping import StopStrings

CALL = '<tool_call>\n{"name": "f", "arguments": {"a": "}</tool_call>{", "b": [1]}}\n</tool_call>'
WRITTEN = [
    ("just text", [("text", "just text")]),
    ("\n\n text", [("text", "\n\n text")]),
    ("<think>\nhm, \n2 < 3\n</think>\n\nYes.", [("reasoning", "hm, \n2 < 3"), ("text", "Yes.")]),
    ("<think></think>Yes", [("text", "Yes")]),
    ("<think>never ends", [("reasoning", "never ends")]),
    ("What is <think>?", [("text", "What is <think>?")]),
    ("<thin ice", [("text", "<thin ice")]),
    ("Let me see.\n" + CALL, [("text", "Let me see."), ("call", '{"a": "}</tool_call>{", "b": [1]}')]),
    (CALL + "\n" + CALL, [("call", '{"a": "}</tool_call>{", "b": [1]}')] * 2),
    ('<tool_call>{"name": "unknown", "arguments": {}}</tool_call>', None),
    ("<tool_call> is a tag", [("text", "<tool_call> is a tag")]),
    ("<think>a</think><tool_call>", [("reasoning", "a"), ("text", "<tool_call>")]),
]


def told(
    pieces: list[str],
    *,
    opened: bool = False,
    notation: Notation = Notation.TAGGED,
    stops: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    """Parts with their text, neighbours of one part joined."""
    reader = CallReader(notation, frozenset({"f"}))
    speech = Speech(StopStrings(stops), opened=opened, calls=reader)
    said: list[Said] = []
    for piece in pieces:
        said += speech.feed(piece)
    said += speech.finish()
    groups = groupby(said, key=lambda one: (one.part, one.index))
    return [(part, "".join(one.text for one in group)) for (part, _), group in groups]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
@given(cuts=st.sets(st.integers(1, 120)))
def test_the_parts_are_the_same_however_the_text_is_cut(
    text: str, expected: list[tuple[str, str]] | None, cuts: set[int]
) -> None:
    borders = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(borders)]
    assert told(pieces) == (expected or [("text", text)])


def test_a_tag_that_the_template_opened_is_closed_by_the_model() -> None:
    assert told(["hm", "</th", "ink>", "\n", "Yes"], opened=True) == [("reasoning", "hm"), ("text", "Yes")]


def test_a_bare_call_is_the_whole_answer() -> None:
    assert told(['{"name": "f", ', '"parameters": {"x": 1}}'], notation=Notation.BARE) == [
        ("call", '{"x": 1}')
    ]
    assert told(['{"answer": 4}'], notation=Notation.BARE) == [("text", '{"answer": 4}')]
    assert told(['Use {"name": "f", "parameters": {}}'], notation=Notation.BARE)[0][0] == "text"


def test_stop_strings_end_the_text_alone() -> None:
    text = "<think>STOP</think>before STOP after"
    assert told(list(text), stops=("STOP",)) == [("reasoning", "STOP"), ("text", "before ")]
    assert told(list(CALL), stops=("name", "a")) == [("call", '{"a": "}</tool_call>{", "b": [1]}')]


def answer(rules: Rules, *, opened: bool = False, stops: tuple[str, ...] = ()) -> Answer:
    reader = CallReader(Notation.TAGGED, frozenset({"f"})) if rules.call_grammar or rules.one_call else None
    return Answer("q", rules, Speech(StopStrings(stops), opened=opened, calls=reader))


FREE = plan(Sampling(), 10, 1)


def test_each_part_is_picked_by_its_own_rules() -> None:
    made = answer(Rules(FREE, grammar="root ::= x"), opened=True)
    assert made.plan.grammar == ""
    made.accept(b"hm</think>")
    assert made.plan.grammar == "root ::= x"
    calling = answer(Rules(FREE, call_grammar="root ::= c"))
    assert calling.plan.grammar == ""
    calling.accept(b"<tool_call>")
    assert calling.plan.grammar == "root ::= c"
    calling.accept(b'{"name": "f", "arguments": {}}</tool_call>')
    assert (calling.plan.grammar, calling.over, calling.reason) == ("", False, "tool_calls")


def test_one_call_is_enough_where_one_was_asked_for() -> None:
    made = answer(Rules(FREE, one_call=True))
    frames = made.accept(CALL.encode())
    assert made.over
    assert json.loads("".join(frame.text for frame in frames))["b"] == [1]
    assert [frame.name for frame in frames][:1] == ["f"]


def test_reasoning_that_has_spent_its_tokens_is_closed() -> None:
    made = answer(Rules(FREE, reasoning_tokens=2, closing=(7, 8)), opened=True)
    made.accept(b"one ")
    assert made.forced() is None
    made.accept(b"two ")
    assert (made.forced(), made.forced(), made.forced()) == (7, 8, None)
    assert made.reasoning_tokens == 2


def test_no_reasoning_at_all_is_closed_before_it_begins() -> None:
    made = answer(Rules(FREE, reasoning_tokens=0, closing=(7,)), opened=True)
    assert made.forced() == 7


def odds(piece: bytes) -> tuple[Odds, tuple[Odds, ...]]:
    return Odds(piece, -1.0), ()


def test_odds_come_with_the_text_they_stand_for() -> None:
    made = answer(Rules(FREE, logprobs=0), stops=("END",))
    first = made.accept(b"a E", odds(b"a E"))
    assert [(frame.text, len(frame.chosen)) for frame in first] == [("a ", 0)]
    second = made.accept(b"x", odds(b"x"))
    assert [(frame.text, len(frame.chosen)) for frame in second] == [("Ex", 2)]
    made.accept(b"EN", odds(b"EN"))
    assert made.accept(b"D", odds(b"D")) == []
    assert made.over
    assert made.finish() == []


def test_half_a_letter_has_its_odds_with_the_whole_one() -> None:
    made = answer(Rules(FREE, logprobs=0))
    assert made.accept(b"\xed\x95", odds(b"\xed\x95")) == []
    (frame,) = made.accept(b"\x9c", odds(b"\x9c"))
    assert (frame.text, [one.odds.piece for one in frame.chosen]) == ("한", [b"\xed\x95", b"\x9c"])
