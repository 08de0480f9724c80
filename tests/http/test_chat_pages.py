"""The chat without a script, and the events that the script reads."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.errors import LimitReached
from appliance.http.view import minute
from appliance.ids import new_id
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.policy.policies import MASK_ALL, load_with

ASK_ALL = MASK_ALL.replace("action: mask", "action: ask")


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    """(name, content) of each event of a stream."""
    found = re.findall(r"event: (\w+)\ndata: (.+)\n\n", text)
    return [(name, json.loads(content)) for name, content in found]


def ask(client: Client, text: str, place: str = "/chat") -> str:
    """Send a message with a plain form; the address of the conversation."""
    response = client.post(f"{place}/messages", text=text, client_id=new_id())
    assert response.status_code == 303
    return str(response.headers["location"])


def test_a_question_without_a_script_is_kept_and_shown_with_its_answer(alice: Client) -> None:
    place = ask(alice, "가을 보고서\n둘째 줄")
    page = alice.get(place)
    assert "가을 보고서\n둘째 줄" in page.text
    assert "<title>Conversation · Naesil</title>" in page.text
    assert "AI-generated" in page.text


def test_a_running_answer_offers_a_refresh_and_a_stop(alice: Client) -> None:
    place = ask(alice, "forever")
    page = alice.get(place).text
    assert 'data-state="running"' in page
    assert f'<a href="{place}">Refresh</a>' in page
    assert alice.post(f"{place}/stop").headers["location"] == place
    assert 'data-state="stopped"' in alice.get(place).text
    assert "Stopped." in alice.get(place).text


def test_markdown_is_rendered_and_markup_of_the_model_is_not(alice: Client) -> None:
    place = ask(alice, "<script>alert(1)</script>")
    alice.get(f"{place}/answers/{_answer(alice, place)}")
    page = alice.get(place).text
    assert "<strong>&lt;script&gt;alert(1)&lt;/script&gt;</strong>" in page
    assert "<script>alert" not in page


def test_the_stream_tells_waiting_reading_text_and_end(alice: Client) -> None:
    place = ask(alice, "안녕")
    response = alice.get(f"{place}/answers/{_answer(alice, place)}", Accept="text/event-stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    told = events(response.text)
    assert told[0] == ("start", {})
    blocks = [content["node"] for name, content in told if name == "block"]
    assert blocks == [["p", {}, [["strong", {}, ["안녕"]]]], ["p", {}, ["끝."]]]
    name, end = told[-1]
    assert name == "finished"
    assert end["state"] == "done"


def test_joining_later_gives_the_same_blocks(alice: Client) -> None:
    place = ask(alice, "두 번")
    address = f"{place}/answers/{_answer(alice, place)}"
    first, second = (events(alice.get(address).text) for _ in range(2))
    assert [event for event in first if event[0] == "block"] == [
        event for event in second if event[0] == "block"
    ]


def test_a_failed_answer_says_so_and_can_be_asked_again(alice: Client) -> None:
    place = ask(alice, "break <it>")
    told = events(alice.get(f"{place}/answers/{_answer(alice, place)}").text)
    assert told[-1][0] == "failed"
    page = alice.get(place).text
    assert "The model stopped before it could finish. Try again." in page
    assert 'name="text" value="break &lt;it&gt;"' in page


def test_our_script_gets_the_three_ids(house: House, alice: Client) -> None:
    client_id = new_id()
    first = alice.post("/chat/messages", json=True, text="hi", client_id=client_id).json()
    again = alice.post("/chat/messages", json=True, text="hi", client_id=client_id).json()
    assert first == again
    assert set(first) == {"conversation", "answer", "user_message", "masked", "files"}
    assert len(house.conversations("alice")) == 1


def test_a_refused_message_comes_back_in_the_field(house: House, alice: Client) -> None:
    place = ask(alice, "first")

    async def refuse(*_: object) -> None:
        raise LimitReached("Too many. Wait for one to finish.", retry_after=10)

    house.chat.send = refuse  # type: ignore[assignment,method-assign]  # a service that says no
    response = alice.post(f"{place}/messages", text="<typed> 글", client_id=new_id())
    assert response.status_code == 429
    assert ">&lt;typed&gt; 글</textarea>" in response.text
    assert "Wait for one to finish." in response.text


@pytest.mark.parametrize("what", ["", "/rename", "/delete"])
def test_nobody_sees_another_persons_conversation(alice: Client, bob: Client, what: str) -> None:
    place = ask(alice, "은밀한 계획")
    assert alice.get(f"{place}{what}").status_code == 200
    other = bob.get(f"{place}{what}")
    assert other.status_code == 404
    assert other.text.count("은밀한") == 0
    assert "은밀한" not in bob.get("/chat").text


def test_nobody_changes_another_persons_conversation(house: House, alice: Client, bob: Client) -> None:
    place = ask(alice, "은밀한 계획")
    answer = _answer(alice, place)
    assert bob.get(f"{place}/answers/{answer}").status_code == 404
    for action in ("messages", "stop", "rename", "delete"):
        response = bob.post(f"{place}/{action}", text="x", title="x", client_id=new_id())
        assert response.status_code == 404, action
    assert [one.title for one in house.conversations("alice")] == ["은밀한 계획"]


def test_renaming_and_deleting(house: House, alice: Client) -> None:
    place = ask(alice, "first title")
    assert alice.post(f"{place}/rename", title="").status_code == 400
    assert alice.post(f"{place}/rename", title="나중 제목").status_code == 303
    assert "나중 제목" in alice.get("/chat").text
    undo = alice.post(f"{place}/delete").headers["location"]
    assert undo.startswith("/chat?deleted=")
    assert "The conversation was deleted." in alice.get(undo).text
    assert house.conversations("alice") == []


def test_a_key_is_shown_once_and_revoked_by_its_owner_only(house: House, alice: Client, bob: Client) -> None:
    created = alice.post("/account/keys", label="보고서")
    assert created.status_code == 201
    assert "nae_" in created.text
    page = alice.get("/account").text
    assert "nae_" not in page
    assert "보고서" in page
    (key,) = house.keys_of("alice")
    assert bob.post(f"/account/keys/{key.id}/revoke").status_code == 404
    assert alice.post(f"/account/keys/{key.id}/revoke").status_code == 303
    assert house.keys_of("alice") == []


def test_language_theme_and_key_are_kept_by_the_browser(alice: Client) -> None:
    alice.post("/language", language="ko", next="/account")
    alice.post("/preferences", theme="dark", send_key="ctrl-enter", next="/account")
    alice.post("/notice", next="/chat")
    page = alice.get("/chat").text
    assert '<html lang="ko" data-theme="dark">' in page
    assert 'data-send-key="ctrl-enter"' in page
    assert "확인했어요" not in page


def test_a_link_of_an_answer_is_shown_before_it_is_opened(alice: Client, stranger: Client) -> None:
    page = alice.get("/link?to=https%3A%2F%2Fwiki.example%2Fa%3Fb%3D%3Cc%3E")
    assert "https://wiki.example/a?b=&lt;c&gt;" in page.text
    for bad in ("javascript:alert(1)", "data:text/html,x", "https://user:pw@evil.example", "//evil.example"):
        assert alice.get(f"/link?to={bad}").status_code == 400
    assert stranger.get("/link?to=https://a.example").status_code == 303


def test_health_says_whether_the_model_is_there(house: House, stranger: Client) -> None:
    assert stranger.get("/health").json() == {"status": "ok"}
    house.inference.model = None  # type: ignore[assignment]
    assert stranger.get("/health").status_code == 503


def _answer(client: Client, place: str) -> str:
    answers: list[str] = re.findall(r'data-answer="([^"]+)"', client.get(place).text)
    return answers[-1]


def test_times_are_those_of_seoul_in_words_of_the_reader() -> None:
    night = datetime(2026, 11, 23, 16, 10, tzinfo=UTC)
    assert minute(night, "ko") == "2026년 11월 24일 01:10"
    assert minute(night, "en") == "November 24, 2026 01:10"


def test_switching_the_language_comes_back_to_the_same_link(alice: Client) -> None:
    page = alice.get("/link?to=https%3A%2F%2Fa.example%2F").text
    assert 'name="next" value="/link?to=https%3A%2F%2Fa.example%2F"' in page


def test_a_message_that_was_held_back_is_shown_with_its_ways_on(
    house: House, alice: Client, tmp_path: Path
) -> None:
    house.policy.replace(load_with(tmp_path, dlp=ASK_ALL))
    page = alice.post("/chat/messages", text="전화 010-1234-5678 로", client_id=new_id())
    assert page.status_code == 403
    assert "<mark>010-1234-5678</mark>" in page.text
    assert 'value="masked"' in page.text
    assert 'value="as_is"' in page.text
    said = alice.post("/chat/messages", json=True, text="전화 010-1234-5678", client_id=new_id()).json()
    assert (said["error"]["spans"], said["error"]["offers"]) == ([[3, 16]], ["as_is", "masked"])
    sent = alice.post(
        "/chat/messages",
        text="전화 010-1234-5678",
        client_id=new_id(),
        choice="as_is",
        stated_reason="고객 요청",
    )
    assert sent.status_code == 303
    assert house.conversations("alice")[0].messages[0].text == "전화 010-1234-5678"


def test_what_was_masked_is_marked_on_the_persons_own_text(alice: Client) -> None:
    said = alice.post(
        "/chat/messages", json=True, text="번호는 900101-1234567 입니다", client_id=new_id()
    ).json()
    assert said["masked"] == "Resident number: 1 masked, rule P-3"
    page = alice.get(f"/chat/{said['conversation']}").text
    assert "<mark>900101-1234567</mark>" in page
    assert "Resident number: 1 masked, rule P-3" in page
