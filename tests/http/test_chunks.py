"""The quick way to write a chunk writes what the slow one does."""

from types import SimpleNamespace

import pytest

from appliance.http.api.chat_objects import Head, delta
from appliance.http.api.objects import ChunkChoice
from appliance.protocol.messages import Token
from tests.fakes import FakeClock


@pytest.mark.parametrize("text", ["안녕", "", '"\\ \n\t', "\u2060", "line\u2028end", "😀" * 9])
def test_text_in_a_chunk_reads_the_same_both_ways(clock: FakeClock, text: str) -> None:
    admitted = SimpleNamespace(answer_id="an-id", model=SimpleNamespace(model_name="모델"))
    head = Head("chatcmpl", admitted, clock)  # type: ignore[arg-type]  # all it looks at
    for number in (0, 3, 0):
        token = Token("an-id", text)
        assert head.text(number, text) == head.chunk([ChunkChoice(index=number, delta=delta(token))])
