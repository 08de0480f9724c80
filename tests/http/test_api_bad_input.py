"""A thousand malformed requests: each is a 4xx in the endpoint's own error shape, and nothing runs."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.http.api_house import MODEL, ApiHouse

REQUESTS = 1000
CHAT = [{"role": "user", "content": "x"}]
VALID: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": CHAT, "temperature": 0.5, "stop": ["a"], "n": 1},
    "/v1/completions": {"model": MODEL, "prompt": "x", "max_tokens": 5},
    "/v1/embeddings": {"model": MODEL, "input": ["x"]},
    "/v1/responses": {"model": MODEL, "input": "x", "max_output_tokens": 5},
    "/v1/messages": {"model": MODEL, "messages": CHAT, "max_tokens": 5},
    "/v1/messages/count_tokens": {"model": MODEL, "messages": CHAT},
    "/v1/tokenize": {"content": "x"},
    "/v1/detokenize": {"tokens": [1]},
    "/v1/apply-template": {"messages": CHAT},
}
REQUIRED = ("messages", "prompt", "input", "content", "tokens")
NONSENSE: list[Any] = [{}, {"a": {}}, True, -1.5, [[]], [None], [{"role": "wizard"}], [{}]]

Body = dict[str, Any]


def _without(body: Body, chance: random.Random) -> bytes:
    names = [name for name in body if name in (*REQUIRED, "model")]
    del body[chance.choice(names)]
    return json.dumps(body).encode()


def _wrong_type(body: Body, chance: random.Random) -> bytes:
    name = next(name for name in body if name in REQUIRED)
    body[name] = chance.choice(NONSENSE)
    return json.dumps(body).encode()


def _unknown(body: Body, chance: random.Random) -> bytes:
    name = "".join(chr(chance.choice([*range(97, 123), 0xAC00, 0x1F600, 0xD800])) for _ in range(12))
    body[name] = chance.random()
    return json.dumps(body).encode()


def _cut(body: Body, chance: random.Random) -> bytes:
    whole = json.dumps(body).encode()
    return whole[: chance.randrange(len(whole))]


def _noise(_body: Body, chance: random.Random) -> bytes:
    return b"\xff" + chance.randbytes(chance.randrange(200))


def _deep(_body: Body, chance: random.Random) -> bytes:
    return chance.choice([b"[", b'{"a":']) * chance.randrange(2_000, 20_000)


def _surrogate(body: Body, _chance: random.Random) -> bytes:
    name = next(name for name in body if name in REQUIRED)
    body[name] = [{"role": "user", "content": "\ud800"}] if name == "messages" else "\ud800"
    return json.dumps(body).encode()


def _not_an_object(_body: Body, chance: random.Random) -> bytes:
    return json.dumps(chance.choice([[], None, 1, "text", [1, 2]])).encode()


def _not_a_number(body: Body, chance: random.Random) -> bytes:
    bad = chance.choice(["NaN", "Infinity", "-Infinity", '"0.5"', "1e400"])
    return json.dumps({**body, "temperature": 0.25}).replace("0.25", bad).encode()


DAMAGES: list[Callable[[Body, random.Random], bytes]] = [
    _without, _wrong_type, _unknown, _cut, _noise, _deep, _surrogate, _not_an_object, _not_a_number
]  # fmt: skip


@pytest.fixture(scope="module")
def api() -> Iterator[ApiHouse]:
    house = ApiHouse()
    yield house
    house.close()


def test_a_thousand_malformed_requests_are_refused_in_the_right_shape(api: ApiHouse) -> None:
    chance = random.Random(20261124)  # noqa: S311 - it must come out the same each time
    client = TestClient(api.app(), base_url="http://localhost", raise_server_exceptions=True)
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    with client:
        for _ in range(REQUESTS):
            path = chance.choice(list(VALID))
            damage = chance.choice(DAMAGES)
            content = damage(copy.deepcopy(VALID[path]), chance)
            answer = client.post(path, content=content, headers=headers)
            told = (damage.__name__, path, content[:200], answer.text[:300])
            assert 400 <= answer.status_code < 500, told
            body = answer.json()
            if "/messages" in path:
                assert body["type"] == "error", told
                assert set(body["error"]) >= {"type", "message"}, told
            else:
                assert set(body["error"]) >= {"message", "type", "code", "param"}, told
            assert "detail" not in body
    assert api.echo.asked == []


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/chat/completions", 405, "invalid_request_error"),
        ("POST", "/v1/nothing", 404, "not_found_error"),
        ("GET", "/v1/models/nothing", 404, "not_found_error"),
        ("DELETE", "/v1/models", 405, "invalid_request_error"),
        ("POST", "/v1/chat/completions/", 404, "not_found_error"),
    ],
)
def test_wrong_addresses_and_verbs_have_the_shape_too(
    api: ApiHouse, method: str, path: str, status: int, kind: str
) -> None:
    client = TestClient(api.app(), base_url="http://localhost")
    answer = client.request(method, path, headers={"Authorization": f"Bearer {api.key}"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_too_long_a_body_is_refused_unread(api: ApiHouse) -> None:
    client = TestClient(api.app(), base_url="http://localhost")
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    answer = client.post("/v1/chat/completions", content=b"x" * 10_000_000, headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "invalid_request_error")
