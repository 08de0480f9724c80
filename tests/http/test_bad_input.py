"""Whatever is sent: a clear message, nothing lost, no traceback, no content in the log."""

import asyncio
import logging
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from appliance.errors import NaesilError
from appliance.http import csrf
from appliance.http.limits import BodyLimit
from appliance.ids import new_id
from tests.http.conftest import Client
from tests.http.fakes import House


def test_an_empty_message_is_refused_with_advice(alice: Client) -> None:
    response = alice.post("/chat/messages", text="  ", client_id=new_id())
    assert response.status_code == 400
    assert "The message is empty. Type a question first." in response.text


def test_a_message_of_a_megabyte_is_refused_unread(house: House, alice: Client) -> None:
    page = alice.post("/chat/messages", text="a" * 1_000_000, client_id=new_id())
    script = alice.post("/chat/messages", json=True, text="a" * 1_000_000, client_id=new_id())
    assert (page.status_code, script.status_code) == (413, 413)
    assert "at most 1000 kB" in page.text
    assert script.json()["error"]["code"] == "too_large"
    assert house.conversations("alice") == []


def test_a_body_without_a_length_is_read_no_further_than_the_limit() -> None:
    taken: list[int] = []
    refused: list[NaesilError] = []

    async def receive() -> Message:
        taken.append(len(taken))
        return {"type": "http.request", "body": b"a" * 400, "more_body": True}

    async def refuse(_scope: Scope, _receive: Receive, _send: Send, error: NaesilError) -> None:
        refused.append(error)

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("the application must not see it")

    async def send(_message: Message) -> None:
        raise AssertionError("the limit itself answers nothing")

    asyncio.run(
        BodyLimit(never, refuse, limit=1000)({"type": "http", "path": "/", "headers": []}, receive, send)
    )
    assert len(taken) == 3
    assert [error.code for error in refused] == ["too_large"]


def test_text_that_is_not_utf8_is_refused(alice: Client) -> None:
    token = csrf.token_for(alice.http.cookies["naesil"])
    for body in (f"csrf={token}&text=%FF%FE".encode(), b"text=\xff\xfe"):
        response = _raw(alice, body, "application/x-www-form-urlencoded")
        assert response.status_code == 400
        assert "not valid UTF-8" in response.text


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_other_encodings_are_refused(alice: Client, kind: str) -> None:
    assert _raw(alice, b"{}", kind).status_code == 400


def test_a_thousand_fields_are_refused(alice: Client) -> None:
    body = "&".join(f"field{number}=x" for number in range(1000)).encode()
    assert _raw(alice, body, "application/x-www-form-urlencoded").status_code == 400


def test_an_unknown_conversation_reads_the_same_whatever_it_is(alice: Client) -> None:
    for identifier in (new_id(), "x", "../../etc/passwd", "%00", "가" * 50):
        response = alice.get(f"/chat/{identifier}")
        assert response.status_code == 404


def test_an_ended_session_is_led_to_the_door_and_back(stranger: Client) -> None:
    page = stranger.get("/chat/0198-abc")
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/chat/0198-abc")
    script = stranger.post("/chat/messages", json=True, text="hello", client_id=new_id())
    assert script.status_code == 401
    assert "Sign in again" in script.json()["error"]["message"]


def test_a_crash_shows_a_reference_and_logs_no_content(
    house: House, alice: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the prompt: 비밀 이야기")

    house.library.list = broken  # type: ignore[assignment]  # a service that fails in an unforeseen way
    with caplog.at_level(logging.ERROR):
        response = alice.get("/chat")
    assert response.status_code == 500
    assert "비밀" not in response.text + caplog.text
    assert "RuntimeError" in caplog.text
    reference = response.text.split("reference: ")[1].split("<")[0].strip()
    assert reference in caplog.text


def test_a_foreign_host_is_not_answered(stranger: Client) -> None:
    assert stranger.get("/", Host="rebound.example").status_code == 400
    assert stranger.get("/", Host="127.0.0.1:9000").status_code == 303
    assert stranger.get("/", Host="[::1]:8080").status_code == 303


def test_a_wrong_verb_is_said_in_the_readers_language(stranger: Client) -> None:
    korean = stranger.http.delete(
        "/chat", headers={"Accept-Language": "ko", "Origin": "http://localhost:8080"}
    )
    assert korean.status_code == 405
    assert "이 주소는 그렇게 쓸 수 없어요." in korean.text
    assert '<html lang="ko"' in korean.text


def _raw(client: Client, body: bytes, kind: str) -> Any:
    headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
    return client.http.post("/chat/messages", content=body, headers=headers)
