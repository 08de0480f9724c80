"""Versions, order and departure of conversations, all by plain forms."""

import json
import re

import pytest

from appliance.audit.actions import AuditAction
from appliance.chat.library import UNDO_FOR
from appliance.ids import new_id
from tests.http.conftest import Client
from tests.http.fakes import House


def ask(client: Client, text: str, place: str = "/chat", **fields: str) -> str:
    response = client.post(f"{place}/messages", json=False, text=text, client_id=new_id(), **fields)
    assert response.status_code == 303
    place = str(response.headers["location"])
    finish(client, place)
    return place


def finish(client: Client, place: str) -> None:
    """Wait for the answer that is being made."""
    answer = re.findall(r'data-answer="([^"]+)"', client.get(place).text)[-1]
    client.get(f"{place}/answers/{answer}")


def shown(house: House) -> list[str]:
    return [message.text for message in house.conversations("alice")[0].messages if message.role == "user"]


def test_editing_a_question_makes_a_version_and_keeps_the_old_one(house: House, alice: Client) -> None:
    place = ask(alice, "first wording")
    ask(alice, "follow-up", place)
    old = house.conversations("alice")[0].messages[0].id
    assert "first wording" in alice.get(f"{place}/messages/{old}/edit").text
    ask(alice, "second wording", place, instead_of=old)
    assert shown(house) == ["second wording"]
    assert "2/2" in alice.get(place).text
    back = alice.post(f"{place}/show", message=old)
    assert back.headers["location"] == f"{place}#m-{old}"
    assert shown(house) == ["first wording", "follow-up"]


def test_another_answer_stands_beside_the_first(house: House, alice: Client) -> None:
    place = ask(alice, "question")
    answer = house.conversations("alice")[0].messages[1].id
    again = {"client_id": new_id(), "instead_of": answer}
    for _ in range(2):
        assert alice.post(f"{place}/again", json=False, **again).status_code == 303
    finish(alice, place)
    messages = house.conversations("alice")[0].messages
    assert [message.role for message in messages] == ["user", "assistant"]
    assert (messages[1].branch.place, messages[1].branch.count) == (2, 2)


def test_a_question_is_no_answer_and_an_answer_no_question(house: House, alice: Client) -> None:
    place = ask(alice, "question")
    question, answer = (message.id for message in house.conversations("alice")[0].messages)
    assert alice.post(f"{place}/again", client_id=new_id(), instead_of=question).status_code == 404
    wrong = alice.post(f"{place}/messages", text="x", client_id=new_id(), instead_of=answer)
    assert wrong.status_code == 404
    assert alice.get(f"{place}/messages/{answer}/edit").status_code == 404


def test_conversations_are_pinned_filed_and_archived(house: House, alice: Client) -> None:
    place = ask(alice, "first")
    ask(alice, "second")
    alice.post(f"{place}/organise", pinned="1")
    assert "<h2>Pinned</h2>" in alice.get("/chat").text
    alice.post(f"{place}/organise", pinned="0", folder="연구 과제", move="1")
    assert "<summary>연구 과제</summary>" in alice.get("/chat").text
    alice.post(f"{place}/organise", archived="1")
    assert "<summary>Archive</summary>" in alice.get("/chat").text
    assert alice.post(f"{place}/organise", folder="x" * 65, move="1").status_code == 400
    assert [one.folder for one in house.conversations("alice")] == ["", "연구 과제"]


def test_a_deletion_can_be_undone_for_ten_minutes_and_then_nothing_is_left(
    house: House, alice: Client, bob: Client
) -> None:
    place = ask(alice, "precious")
    alice.post(f"{place}/delete")
    assert alice.get(place).status_code == 404
    assert bob.post(f"{place}/restore").status_code == 404
    assert alice.post(f"{place}/restore").headers["location"] == place
    assert "precious" in alice.get(place).text
    alice.post(f"{place}/delete")
    house.clock.advance(UNDO_FOR.total_seconds() + 1)
    assert house.library.empty_bin() == 1
    assert house.library.empty_bin() == 0
    assert alice.post(f"{place}/restore").status_code == 404
    assert house.recorded()[-1].action == AuditAction.CONVERSATION_PURGED


def test_search_finds_ones_own_titles_and_texts_only(alice: Client, bob: Client) -> None:
    place = ask(alice, "내일 회의록을 정리해 줘")
    page = alice.get("/search?q=회의").text
    assert f'href="{place}"' in page
    assert "<mark>회의</mark>" in page
    assert "1 conversation found" in page
    assert "0 conversations found" in bob.get("/search?q=회의").text


@pytest.mark.parametrize("form", ["md", "txt", "json", "html"])
def test_a_copy_carries_the_mark_of_its_maker(house: House, alice: Client, form: str) -> None:
    place = ask(alice, "<script>alert(1)</script>")
    file = alice.post(f"{place}/export", form=form)
    assert file.headers["content-disposition"].endswith(f'.{form}"')
    assert "generative AI" in file.text
    assert "answers_sha256" in file.text
    assert '"ai_generated": true' in file.text.replace("&quot;", '"')
    assert form != "html" or "<script>" not in file.text
    assert form != "json" or json.loads(file.text)["mark"]["model"] == "small"
    assert house.recorded()[-1].action == AuditAction.CONVERSATION_EXPORTED
    assert alice.post(f"{place}/export", form="exe").status_code == 400
