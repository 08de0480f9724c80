"""What a taken-over child says steers neither the operator's terminal nor the supervisor."""

import codecs

import msgspec
import pytest

from appliance.supervisor.children import Child
from appliance.supervisor.questions import text_of
from appliance.supervisor.spec import Report, ReportLine, encode_report


@pytest.fixture
def child() -> Child:
    """One of which only the words count."""
    made = object.__new__(Child)
    made.words = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return made


def test_a_taken_over_child_does_not_steer_the_terminal(child: Child) -> None:
    assert child.heard(b"\x1b]0;root\x07 ready\n") == "\\x1b]0;root\\x07 ready\n"


def test_a_sign_that_arrives_in_two_pieces_is_one(child: Child) -> None:
    said = "모델\x9b1m".encode()
    assert "".join(child.heard(said[at : at + 1]) for at in range(len(said))) == "모델\\x9b1m"


NONSENSE = [
    b"\xff",
    b'{"detail": "\xff\xfe"}',
    b'{"body": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    b'{"thread": ' + b"9" * 5000 + b"}",
    b'{"thread": "one"}',
    b"\x00" * 100,
]


@pytest.mark.parametrize("line", NONSENSE, ids=range(len(NONSENSE)))
def test_a_line_of_nonsense_is_left_out_and_the_next_is_read(line: bytes) -> None:
    reports = ReportLine().feed(line + b"\n" + encode_report(Report(thread=7)))
    assert reports[-1].thread == 7


@pytest.mark.parametrize("body", [b'"\xff"', b"[" * 200_000 + b"]" * 200_000, b"7", b"{"])
def test_an_answer_of_nonsense_is_none(body: bytes) -> None:
    assert text_of(msgspec.Raw(body)) is None
