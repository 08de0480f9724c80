import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.runtime.stopping import StopStrings

SHORT = st.text("ab\n", min_size=1, max_size=4)


@settings(deadline=None)
@given(st.lists(st.text("ab\n", max_size=5)), st.lists(SHORT, max_size=3))
def test_what_comes_out_is_the_text_before_the_first_stop_however_it_arrives(
    pieces: list[str], stops: list[str]
) -> None:
    stream, said = StopStrings(tuple(stops)), ""
    for piece in pieces:
        said += stream.feed(piece)
        if stream.stopped:
            break
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    assert stream.stopped == bool(ends)
    assert said + stream.finish() == (text if not ends else said)
    if ends:
        assert text.startswith(said)
        assert not any(stop in said for stop in stops)


def test_a_stop_string_across_three_tokens_is_never_seen() -> None:
    stream = StopStrings(("###",))
    assert [stream.feed(piece) for piece in ("끝#", "#", "#뒤")] == ["끝", "", ""]
    assert stream.stopped
    assert stream.finish() == ""


@pytest.mark.parametrize("text", ["a#", "a##b", "##"])
def test_a_start_that_comes_to_nothing_is_given_back(text: str) -> None:
    stream = StopStrings(("###",))
    assert stream.feed(text) + stream.finish() == text
