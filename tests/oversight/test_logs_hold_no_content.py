"""What people write is in no log line: marked text through every route, at the most talkative level."""

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.logs import formatter
from tests.oversight.office import Office, Things
from tests.oversight.test_every_route import body, form, routes

MARK = "수박열두통"
IDS = {"client_id", "role", "roles", "state", "language", "theme", "data_class", "outcome", "month", "next"}


@pytest.fixture(params=["json", "text"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that this process logs, as the product would write it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(request.param, "web"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


def marked(value: Any) -> Any:
    """The same with the mark in every text that a person would write."""
    if isinstance(value, dict):
        return {name: value[name] if name in ("model", "role") else marked(value[name]) for name in value}
    if isinstance(value, list):
        return [marked(one) for one in value]
    return f"{MARK} {value}" if isinstance(value, str) else value


def marked_form(things: Things) -> dict[str, str]:
    return {name: value if name in IDS else f"{value} {MARK}" for name, value in form(things).items()}


async def walk(data: Path, *, broken: bool) -> int:
    """Ask every route with marked text, and again in a way that no route understands; how many there were."""
    office, asked = Office(data), 0
    await office.open()
    schema = (await office.http.get("/v1/openapi.json")).json()
    for method, path in sorted(routes(office.app)):
        things = await office.things()
        address = things.address(path)
        sent = {"messages": [{"role": MARK}], "input": {MARK: MARK}, "model": MARK}
        await office.ask(
            things, method, address, marked_form(things), sent if broken else marked(body(schema, path))
        )
        await office.web.chat.close()
        asked += 1
    await office.close()
    return asked


@pytest.mark.parametrize("broken", [False, True])
def test_no_route_writes_what_it_was_given_into_the_log(
    tmp_path: Path, written: io.StringIO, *, broken: bool
) -> None:
    assert asyncio.run(walk(tmp_path / "data", broken=broken)) > 100
    logging.getLogger("tests").error("the end of the walk")
    assert "the end of the walk" in written.getvalue()  # the ear was open
    assert MARK not in written.getvalue()
