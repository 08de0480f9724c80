"""The normalised text and the way back from it."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from appliance.policy.detectors.normalise import normalise
from tests.policy.texts import pieced


def back(text: str, start: int, end: int) -> str:
    normal = normalise(text)
    return text[normal.start(start) : normal.end(end)]


def test_full_width_and_odd_dashes_become_plain() -> None:
    assert normalise("９００１０１－１２３４５６７").text == "900101-1234567"
    assert normalise("010‐1‑2‒3–4—5―6−7﹘8﹣9").text == "010-1-2-3-4-5-6-7-8-9"


def test_invisible_characters_vanish_and_the_way_back_includes_them() -> None:
    text = "가9\u200b0\u00ad0\ufeff1나"
    assert normalise(text).text == "가9001나"
    assert back(text, 1, 5) == "9\u200b0\u00ad0\ufeff1"


def test_spaced_digits_close_up() -> None:
    assert normalise("번호 9 0 0 1 0 1 - 1 2 3 4 5 6 7 끝").text == "번호 900101 - 1234567 끝"
    assert normalise("12 3 4 5 6 7 8").text == "12 345678"
    assert normalise("1 2 3 하나 둘").text == "1 2 3 하나 둘"


def test_a_list_number_in_a_circle_does_not_glue_to_the_number_behind() -> None:
    assert normalise("①010-1234-5678").text == "①010-1234-5678"
    assert normalise("⑨⓪⓪①⓪①").text == "900101"


def test_decomposed_hangul_is_composed() -> None:
    text = unicodedata.normalize("NFD", "여권번호")
    assert normalise(text).text == "여권번호"
    assert unicodedata.normalize("NFC", back(text, 0, 2)) == "여권"


def test_one_character_that_becomes_several_is_not_torn() -> None:
    normal = normalise("㈜나")
    assert normal.text == "(주)나"
    assert [normal.splits(index) for index in range(4)] == [False, True, True, False]


@given(pieced | st.text())
def test_every_character_knows_where_it_came_from(text: str) -> None:
    normal = normalise(text)
    position = 0
    for index in range(len(normal.text)):
        start, end = normal.start(index), normal.end(index + 1)
        assert position <= start < end <= len(text)
        position = start


@given(pieced)
def test_normalising_twice_changes_no_digit(text: str) -> None:
    once = normalise(text).text
    assert [char for char in once if char.isdecimal()] == [
        char for char in normalise(once).text if char.isdecimal()
    ]
