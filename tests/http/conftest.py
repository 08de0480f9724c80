"""A small office behind the pages, and clients of the people in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient

from appliance.core import Role
from appliance.http import csrf
from appliance.protocol.messages import Failed, Finished, Progress, Queued, StreamEvent, Token
from tests.http.fakes import House, cheap_passwords

ORIGIN = "http://localhost:8080"


async def script(text: str) -> AsyncIterator[StreamEvent]:
    """Repeats the question; "forever" never ends, "break" fails."""
    yield Queued("", 2, 40.0)
    yield Progress("", 40, 100)
    yield Token("", f"**{text}**\n\n")
    while "forever" in text:
        await asyncio.sleep(0.01)
        yield Token("", "and on ")
    if "break" in text:
        yield Failed(id="", code="lost")
        return
    yield Token("", "끝.")
    yield Finished(id="", reason="stop", completion_tokens=30, decode_s=3.0, dropped_turns=1)


class Client:
    """A browser without a screen: keeps cookies, sends forms as our pages do."""

    def __init__(self, http: TestClient, token: str = "") -> None:
        self.http = http
        if token:
            http.cookies.set("naesil", token)

    def post(self, path: str, /, *, json: bool = False, **fields: str) -> Any:
        secret = self.http.cookies.get("naesil") or self.http.cookies.get("naesil-visitor") or ""
        headers = {"Accept": "application/json"} if json else {"Accept": "text/html"}
        data = {csrf.FIELD: csrf.token_for(secret), **fields}
        return self.http.post(path, data=data, headers=headers | {"Sec-Fetch-Site": "same-origin"})

    def get(self, path: str, **headers: str) -> Any:
        return self.http.get(path, headers={"Accept": "text/html"} | headers)


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_little() -> Iterator[None]:
    with cheap_passwords():
        yield


@pytest.fixture
def house() -> Iterator[House]:
    house = House(script)
    yield house
    house.close()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def stranger(house: House, clients: ExitStack) -> Client:
    """Somebody who is not signed in, with an English browser."""
    return _client(house, clients, "")


@pytest.fixture
def alice(house: House, clients: ExitStack) -> Client:
    return _client(house, clients, house.person("alice")[1])


@pytest.fixture
def admin(house: House, clients: ExitStack) -> Client:
    """Somebody who may do everything in the console."""
    return _client(house, clients, house.person("admin", *Role)[1])


@pytest.fixture
def bob(house: House, clients: ExitStack) -> Client:
    return _client(house, clients, house.person("bob")[1])


def _client(house: House, clients: ExitStack, token: str) -> Client:
    http = TestClient(
        house.site,
        base_url=ORIGIN,
        follow_redirects=False,
        headers={"Accept-Language": "en"},
        raise_server_exceptions=True,
    )
    return Client(clients.enter_context(http), token)
