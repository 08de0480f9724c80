from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.runtime.detokenize import Utf8Stream


def test_a_syllable_in_three_pieces_comes_out_whole_and_once() -> None:
    stream = Utf8Stream()
    assert [stream.feed(bytes([byte])) for byte in "내실".encode()] == ["", "", "내", "", "", "실"]


@settings(deadline=None)
@given(st.text(), st.lists(st.integers(1, 4)))
def test_no_way_of_cutting_loses_or_breaks_a_character(text: str, cuts: list[int]) -> None:
    stream, data, said = Utf8Stream(), text.encode(), ""
    for cut in (*cuts, len(data)):
        said += stream.feed(data[:cut])
        data = data[cut:]
    assert said + stream.feed(data) == text


@settings(deadline=None)
@given(st.binary())
def test_no_replacement_character_is_ever_made(data: bytes) -> None:
    assert "\ufffd" not in Utf8Stream().feed(data.replace(b"\xef\xbf\xbd", b""))


def test_a_broken_off_syllable_is_left_out_and_the_next_one_is_not() -> None:
    stream = Utf8Stream()
    assert stream.feed("한".encode()[:2]) == ""
    assert stream.feed("글".encode()) == "글"
