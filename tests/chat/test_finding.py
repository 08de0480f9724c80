"""Words are found as people type them."""

import pytest

from appliance.chat.finding import Needle


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("회의", "내일 회의록을 정리해 줘"),
        ("검색", "검색이 안 돼요"),
        ("ａｂｃ", "ABC 회사"),
        ("보고서 가을", "가을 분기의 보고서였다"),
        ("straße", "STRASSE 12"),
    ],
)
def test_a_word_is_found_in_any_case_width_and_with_particles(words: str, text: str) -> None:
    assert Needle(words).found_in(text) is not None


def test_all_words_must_be_there() -> None:
    assert Needle("가을 겨울").found_in("가을 보고서") is None


def test_the_snippet_shows_the_word_in_its_place() -> None:
    snippet = Needle("회의록").found_in("첫 줄\n내일 회의록을 정리해 줘")
    assert snippet is not None
    assert (snippet.before, snippet.match, snippet.after) == ("첫 줄 내일 ", "회의록", "을 정리해 줘")


def test_nothing_asked_is_nothing_found() -> None:
    assert not Needle("  ")
