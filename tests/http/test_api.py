"""The API over a runtime that echoes: shapes, headers, streams, errors, idempotency, what the log gets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from appliance.core import Role
from tests.http.api_house import MODEL, ApiHouse

SAY: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "안녕하세요"}]}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "look_up"}}


@pytest.fixture
def api() -> Iterator[ApiHouse]:
    house = ApiHouse()
    yield house
    house.close()


@pytest.fixture
def client(api: ApiHouse) -> Iterator[TestClient]:
    headers = {"Authorization": f"Bearer {api.key}"}
    with TestClient(api.app(), base_url="http://localhost", headers=headers) as client:
        yield client


def events(text: str) -> list[dict[str, Any]]:
    """The data of a stream; it must end as OpenAI's do."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_reasoning_is_apart_from_the_answer_whole_and_streamed(client: TestClient) -> None:
    thinking = SAY | {"chat_template_kwargs": {"thinking_budget": 5}}
    message = client.post("/v1/chat/completions", json=thinking).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("hm", "안녕하세요")
    streamed = client.post("/v1/chat/completions", json=thinking | {"stream": True})
    deltas = [chunk["choices"][0]["delta"] for chunk in events(streamed.text)]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert {"reasoning_content": "hm"} in deltas
    assert {"content": "안녕하세요"} in deltas
    blocks = client.post(
        "/v1/messages",
        json={**SAY, "max_tokens": 9, "thinking": {"type": "enabled", "budget_tokens": 5}},
    ).json()["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text"]
    items = client.post(
        "/v1/responses", json={"model": MODEL, "input": "x", "reasoning": {"effort": "low"}}
    ).json()["output"]
    assert [item["type"] for item in items] == ["reasoning", "message"]


def test_a_stream_waits_in_comments_tells_progress_and_counts_at_its_end(client: TestClient) -> None:
    asked = SAY | {"stream": True, "return_progress": True, "stream_options": {"include_usage": True}}
    text = client.post("/v1/chat/completions", json=asked).text
    assert ": queued position=1 eta=2" in text
    assert ": prompt 100%" in client.post("/v1/chat/completions", json=SAY | {"stream": True}).text
    chunks = events(text)
    (progress,) = [chunk["prompt_progress"] for chunk in chunks if "prompt_progress" in chunk]
    assert (progress["total"], progress["processed"], progress["cache"]) == (5, 5, 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


def test_several_choices_stream_each_under_its_index(client: TestClient, api: ApiHouse) -> None:
    chunks = events(client.post("/v1/chat/completions", json=SAY | {"stream": True, "n": 3, "seed": 9}).text)
    said = dict.fromkeys(range(3), "")
    for chunk in chunks:
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert set(said.values()) == {"안녕하세요"}
    assert [asked.sampling.seed for asked in api.echo.asked] == [9, 10, 11]


def test_a_called_tool_has_one_id_in_all_its_forms(client: TestClient) -> None:
    asked = SAY | {"tools": [TOOL], "tool_choice": "required"}
    choice = client.post("/v1/chat/completions", json=asked).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look_up", "arguments": "{}"}
    chunks = events(client.post("/v1/chat/completions", json=asked | {"stream": True}).text)
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["index"] for call in calls] == [0, 0]
    assert [("id" in call) for call in calls] == [True, False]


def test_personal_data_in_a_tools_arguments_or_a_callers_own_replies_is_masked(
    client: TestClient, api: ApiHouse
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"id": "900101-1234567"}'}}
    told = [
        {"role": "assistant", "content": "번호는 900101-1234567", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "주민번호 900101-1234567"},
        {"role": "user", "content": "계속"},
    ]
    tool = {"type": "function", "function": {"name": "f", "description": "900101-1234567 님의 기록"}}
    answer = client.post("/v1/chat/completions", json=SAY | {"messages": told, "tools": [tool]})
    assert answer.status_code == 200
    assert "1234567" not in repr(api.echo.asked)
    assert json.loads(api.echo.asked[0].turns[0].calls[0].arguments)["id"]


def test_odds_do_not_tell_what_was_masked(client: TestClient) -> None:
    masked = "제 번호는 900101-1234567 입니다"
    choice = client.post(
        "/v1/chat/completions",
        json=SAY | {"messages": [{"role": "user", "content": masked}], "logprobs": True},
    ).json()["choices"][0]
    assert "1234567" not in json.dumps(choice)


def test_the_log_has_the_callers_request_id_and_no_text(client: TestClient, api: ApiHouse) -> None:
    answer = client.post("/v1/chat/completions", json=SAY, headers={"x-request-id": "from-outside"})
    assert answer.headers["x-request-id"] == "from-outside"
    found = [leaf for leaf in api.recorded() if leaf.request == "from-outside"]
    assert [leaf.action for leaf in found] == ["chat:prompt:accept", "chat:reply:finish"]
    assert "안녕" not in repr(found)
    ours = client.post("/v1/chat/completions", json=SAY, headers={"x-request-id": "bad\tid"})
    assert ours.headers["x-request-id"] not in ("", "bad\tid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", SAY),
        ("/v1/completions", {"model": MODEL, "prompt": "x"}),
        ("/v1/embeddings", {"model": MODEL, "input": "x"}),
        ("/v1/responses", {"model": MODEL, "input": "x"}),
        ("/v1/messages", SAY | {"max_tokens": 5}),
    ],
)
def test_every_way_to_the_model_is_admitted_settled_and_counted(
    client: TestClient, api: ApiHouse, path: str, body: dict[str, Any]
) -> None:
    assert client.post(path, json=body).status_code == 200
    actions = [leaf.action for leaf in api.recorded() if leaf.object.startswith("api:")]
    assert actions == ["chat:prompt:accept", "chat:reply:finish"]
    (used,) = api.usage.own(api.alice.id)
    assert (used.requests, used.key_id != "") == (1, True)
    assert used.prompt_tokens > 0


def test_headroom_is_told_and_shrinks(client: TestClient) -> None:
    before, after = (client.post("/v1/chat/completions", json=SAY).headers for _ in range(2))
    name = "x-ratelimit-remaining-requests"
    assert int(before[name]) - int(after[name]) == 1
    assert after["x-ratelimit-reset-requests"].endswith("s")


def test_the_same_key_and_body_are_answered_once(client: TestClient, api: ApiHouse) -> None:
    headers = {"Idempotency-Key": "once"}
    first = client.post("/v1/chat/completions", json=SAY, headers=headers)
    again = client.post("/v1/chat/completions", json=SAY, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(api.echo.asked) == 1
    other = client.post("/v1/chat/completions", json=SAY | {"seed": 1}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    elsewhere = client.post("/v1/responses", json={"model": MODEL, "input": "x"}, headers=headers)
    assert elsewhere.status_code == 200
    stranger = client.post("/v1/chat/completions", json=SAY, headers=headers | {"Authorization": "Bearer no"})
    assert stranger.status_code == 401


def test_a_streamed_answer_is_repeated_and_a_failure_is_not(client: TestClient, api: ApiHouse) -> None:
    headers = {"Idempotency-Key": "stream"}
    first = client.post("/v1/chat/completions", json=SAY | {"stream": True}, headers=headers).text
    again = client.post("/v1/chat/completions", json=SAY | {"stream": True}, headers=headers).text
    assert again == first
    wrong = {"Idempotency-Key": "wrong"}
    assert client.post("/v1/chat/completions", json=SAY | {"model": "no"}, headers=wrong).status_code == 404
    assert client.post("/v1/chat/completions", json=SAY, headers=wrong).status_code == 200
    too_long = {"Idempotency-Key": "k" * 300}
    assert client.post("/v1/chat/completions", json=SAY, headers=too_long).status_code == 400
    assert len(api.echo.asked) == 2


def test_two_people_may_use_the_same_idempotency_key(client: TestClient, api: ApiHouse) -> None:
    headers = {"Idempotency-Key": "mine"}
    first = client.post("/v1/chat/completions", json=SAY, headers=headers)
    other = headers | {"Authorization": f"Bearer {api.new_key()}"}
    second = client.post("/v1/chat/completions", json=SAY, headers=other)
    assert second.json()["id"] != first.json()["id"]


def test_people_see_their_own_usage_and_administrators_everybodys_with_a_trace(
    client: TestClient, api: ApiHouse
) -> None:
    client.post("/v1/chat/completions", json=SAY)
    cookies = {"naesil": api.identity.door.open_for(api.alice, "127.0.0.1")}
    own = TestClient(api.app(), base_url="http://localhost:8080", cookies=cookies)
    mine = own.get("/account/usage", headers={"Accept": "text/html"})
    assert mine.status_code == 200
    assert ">test<" in mine.text
    assert own.get("/console/usage").status_code == 403
    _, token = api.person("boss", *Role)
    boss = TestClient(api.app(), base_url="http://localhost:8080", cookies={"naesil": token})
    everybody = boss.get("/console/usage", headers={"Accept": "text/html"})
    assert everybody.status_code == 200
    assert "alice" in everybody.text
    assert "usage:report:read" in [leaf.action for leaf in api.recorded()]
