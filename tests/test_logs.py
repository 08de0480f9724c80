"""Log lines: JSON that a collector can read, with the request's id and without what people wrote."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from appliance.logs import REQUEST, formatter, harmless, one_line

SECRET = "수박 열두 통의 비밀"


@pytest.fixture(params=["json", "text"])
def lines(request: pytest.FixtureRequest) -> Iterator[tuple[str, logging.Logger, io.StringIO]]:
    """(format, a logger, what it wrote)."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(request.param, "web"))
    log = logging.getLogger(f"tests.logs.{request.param}")
    log.addHandler(handler)
    log.propagate = False
    yield request.param, log, written
    log.removeHandler(handler)


def test_an_event_is_one_line_with_its_request(lines: tuple[str, logging.Logger, io.StringIO]) -> None:
    form, log, written = lines
    token = REQUEST.set("request-1")
    log.warning("%s ended\nwith status %d", "runtime", 9)
    REQUEST.reset(token)
    (line,) = written.getvalue().splitlines()
    assert "request-1" in line
    if form == "json":
        told = json.loads(line)
        assert (told["level"], told["process"], told["request"]) == ("warning", "web", "request-1")
        assert told["message"] == "runtime ended\nwith status 9"
        assert told["time"].endswith("+00:00")


def test_an_exception_is_told_by_type_and_place_alone(
    lines: tuple[str, logging.Logger, io.StringIO],
) -> None:
    _, log, written = lines
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"cannot read {SECRET}") from error
    except ValueError:
        log.exception("it failed")
    assert SECRET not in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert "KeyError" in written.getvalue()
    assert "test_logs.py" in written.getvalue()


def test_what_a_terminal_would_obey_is_written_out_and_all_else_is_left() -> None:
    assert harmless("\x1b[2J\x07 \x9b5n \u202etxt") == "\\x1b[2J\\x07 \\x9b5n \\u202etxt"
    assert harmless(f"{SECRET}\tand\n") == f"{SECRET}\tand\n"
    assert one_line("blocked\nLEAKED") == "blocked\\nLEAKED"
