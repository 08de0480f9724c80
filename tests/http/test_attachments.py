"""Files beside questions: attached, sent, shown, cut, screened, taken away, destroyed; nobody else's."""

import io
import json
import unicodedata
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.chat.enclosing import FILES_SHARE
from appliance.core import SYSTEM
from appliance.http import csrf
from appliance.ids import new_id
from tests.extractor import documents
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.http.test_chat_pages import ASK_ALL
from tests.policy.policies import load_with

ADD = "/chat/attachments"
MEMO = "회의록: 느티나무 심기".encode()


def upload(
    client: Client, *files: tuple[str, bytes], json: bool = True, token: str | None = None, **fields: str
) -> Any:
    """As our script (one file) or as a plain form sends it."""
    secret = client.http.cookies.get("naesil") or ""
    data = {csrf.FIELD: csrf.token_for(secret) if token is None else token, "conversation": "", **fields}
    return client.http.post(
        ADD,
        data=data,
        files=[("file", file) for file in files],
        headers={
            "Accept": "application/json" if json else "text/html",
            "Sec-Fetch-Site": "same-origin",
        },
    )


def attach(client: Client, name: str, data: bytes, conversation: str = "") -> str:
    response = upload(client, (name, data), conversation=conversation)
    assert response.status_code == 200, response.text
    return str(response.json()["attachments"][0]["id"])


def ask(client: Client, text: str, *ids: str, place: str = "/chat") -> Any:
    return client.post(
        f"{place}/messages", json=True, text=text, client_id=new_id(), attachments=",".join(ids)
    )


def place_of(sent: Any) -> str:
    assert sent.status_code == 200, sent.text
    return f"/chat/{sent.json()['conversation']}"


def finish(client: Client, sent: Any) -> None:
    """Read the answer to its end."""
    client.get(f"{place_of(sent)}/answers/{sent.json()['answer']}")


def actions(house: House) -> list[str]:
    return [leaf.action for leaf in house.recorded() if "attachment" in leaf.action]


def test_the_model_reads_the_file_and_the_page_shows_it_again(alice: Client, house: House) -> None:
    file = attach(alice, "메모.txt", MEMO)
    assert "메모.txt" in alice.get("/chat").text
    sent = ask(alice, "요약해 줘", file)
    assert sent.json()["files"] == [{"name": "메모.txt", "detail": "12 characters"}]
    finish(alice, sent)
    prompt = house.inference.asked[-1].turns[-1].content
    assert MEMO.decode() in prompt
    assert '"메모.txt", complete' in prompt
    assert prompt.endswith("요약해 줘")
    page = alice.get(place_of(sent)).text
    assert "메모.txt" in page
    assert "느티나무" not in page.replace("**", "")[: page.index("transcript")]
    assert 'name="attachments" value=""' in page
    assert actions(house) == ["chat:attachment:add"]


def test_a_later_question_another_answer_and_an_edit_keep_it(alice: Client, house: House) -> None:
    sent = ask(alice, "요약", attach(alice, "a.txt", MEMO))
    finish(alice, sent)
    place, first = place_of(sent), house.inference.asked[-1].turns[-1]
    again = alice.post(
        f"{place}/again", json=True, instead_of=sent.json()["answer"], client_id=new_id(), text=""
    )
    finish(alice, again)
    assert house.inference.asked[-1].turns[-1] == first
    finish(alice, ask(alice, "더", place=place))
    assert house.inference.asked[-1].turns[0] == first
    assert "a.txt" in alice.get(f"{place}/messages/{sent.json()['user_message']}/edit").text
    edited = alice.post(
        f"{place}/messages",
        json=True,
        instead_of=sent.json()["user_message"],
        client_id=new_id(),
        text="영어로",
    )
    finish(alice, edited)
    assert house.inference.asked[-1].turns[-1].content == first.content.removesuffix("요약") + "영어로"


def test_a_plain_form_attaches_several_files_and_keeps_what_was_typed(alice: Client, house: House) -> None:
    page = upload(
        alice, ("a.txt", MEMO), ("b.png", b"\x89PNG\x00\x01"), ("c.md", b"# c"), json=False, text="반쯤 쓴 글"
    )
    assert page.status_code == 400
    assert "반쯤 쓴 글</textarea>" in page.text
    assert "b.png is of a kind that is not read here" in page.text
    assert "a.txt" in page.text
    assert "c.md" in page.text
    assert actions(house) == ["chat:attachment:add", "chat:attachment:refuse", "chat:attachment:add"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (documents.locked_pdf(), "protected by a password"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"", "no text in it"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(alice: Client, data: bytes, words: str) -> None:
    answer = upload(alice, ("x.pdf", data))
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_the_reason_is_told_in_the_readers_language(alice: Client) -> None:
    alice.http.headers["Accept-Language"] = "ko"
    answer = upload(alice, ("보안.pdf", documents.locked_pdf()))
    assert answer.json()["error"]["message"].startswith("보안.pdf 파일은 암호나 DRM으로 보호되어 있어요.")


def test_a_name_is_composed_and_has_no_folders(alice: Client) -> None:
    attach(alice, unicodedata.normalize("NFD", "../몰래/보고서.txt"), MEMO)
    page = alice.get("/chat").text
    assert "보고서.txt" in page
    assert "몰래" not in page


def test_what_is_too_large_or_too_much_is_refused(alice: Client, house: House) -> None:
    large = upload(alice, ("큰.txt", b"x" * 20_000_001))
    assert large.status_code == 413
    assert "큰.txt is larger than 20 MB" in large.json()["error"]["message"]
    declared = alice.http.post(
        ADD,
        content=b"",
        headers={
            "Accept": "application/json",
            "Sec-Fetch-Site": "same-origin",
            "Content-Length": "99000000",
            "Content-Type": "multipart/form-data; boundary=x",
        },
    )
    assert declared.status_code == 413
    for _ in range(10):
        attach(alice, "a.txt", MEMO)
    assert upload(alice, ("b.txt", MEMO)).status_code == 429
    assert actions(house)[:2] == ["chat:attachment:refuse"] * 2


@pytest.mark.parametrize("letters", [900, 60_000])
def test_a_name_without_end_is_cut_or_refused(alice: Client, letters: int) -> None:
    answer = upload(alice, ("a" + "\u0327\u0301" * letters + ".txt", MEMO))
    assert answer.status_code == (200 if letters == 900 else 400)
    assert all(len(one["name"]) <= 200 for one in answer.json().get("attachments", []))


def test_without_the_forms_token_nothing_is_taken(alice: Client) -> None:
    assert upload(alice, ("a.txt", MEMO), token="no").status_code == 403
    assert "a.txt" not in alice.get("/chat").text


def test_nobody_elses_files_can_be_sent_taken_away_or_put_anywhere(alice: Client, bob: Client) -> None:
    file = attach(alice, "a.txt", MEMO)
    theirs = place_of(ask(alice, "x"))
    assert ask(bob, "보여 줘", file).status_code == 409
    assert bob.post(f"{ADD}/{file}/remove", json=True).status_code == 404
    assert upload(bob, ("b.txt", MEMO), conversation=theirs.rpartition("/")[2]).status_code == 404
    assert "a.txt" not in bob.get("/chat").text


def test_a_file_goes_with_one_question_once(alice: Client) -> None:
    file = attach(alice, "a.txt", MEMO)
    assert ask(alice, "하나", file, file).status_code == 409
    assert ask(alice, "하나", file).status_code == 200
    assert ask(alice, "둘", file).status_code == 409


def test_a_file_can_be_taken_away_and_is_forgotten_after_a_day(alice: Client, house: House) -> None:
    file = attach(alice, "a.txt", MEMO)
    assert alice.post(f"{ADD}/{file}/remove", json=True).status_code == 204
    attach(alice, "b.txt", MEMO)
    house.clock.advance(timedelta(hours=23).total_seconds())
    assert house.attachments.remove_stale() == 0
    house.clock.advance(timedelta(hours=2).total_seconds())
    assert house.attachments.remove_stale() == 1
    assert actions(house).count("chat:attachment:remove") == 2


def test_what_does_not_fit_is_left_out_and_the_page_says_so(alice: Client, house: House) -> None:
    pages = [f"{number:04} " + "가" * 196 for number in range(40)]  # 100 tokens each, as this model counts
    sent = ask(alice, "요약", attach(alice, "긴.pdf", documents.pdf(pages)))
    finish(alice, sent)
    detail = sent.json()["files"][0]["detail"]
    assert detail == "only the first 7 of 40 pages"
    assert detail in alice.get(place_of(sent)).text
    prompt = house.inference.asked[-1].turns[-1].content
    assert "only the first 7 of 40 pages" in prompt
    assert "0006 " in prompt
    assert "0007 " not in prompt
    assert len(prompt) // 2 <= house.inference.model.n_ctx // FILES_SHARE


def test_personal_data_in_a_file_is_masked_like_typed_text(alice: Client, house: House) -> None:
    file = attach(alice, "명단.csv", "이름,번호\n김내실,900101-1234567".encode())
    sent = ask(alice, "정리해 줘", file)
    finish(alice, sent)
    assert "900101-1234567" not in house.inference.asked[-1].turns[-1].content
    assert "Resident number: 1 masked" in sent.json()["masked"]
    page = alice.get(place_of(sent)).text
    assert "Resident number: 1 masked" in page
    assert "정리해 줘</div>" in page


def test_what_a_rule_holds_back_in_a_file_is_asked_about(alice: Client, house: House, tmp_path: Path) -> None:
    house.policy.replace(load_with(tmp_path, dlp=ASK_ALL))
    file = attach(alice, "명단.csv", "번호\n900101-1234567".encode())
    held = ask(alice, "정리", file)
    assert held.status_code == 403
    assert held.json()["error"]["spans"] == []
    assert held.json()["error"]["in_files"] == 1
    assert held.json()["error"]["offers"] == ["as_is", "masked"]
    sent = alice.post(
        "/chat/messages", json=True, text="정리", client_id=new_id(), attachments=file, choice="masked"
    )
    finish(alice, sent)
    assert "900101" not in house.inference.asked[-1].turns[-1].content


def test_files_go_with_their_conversation_and_with_all_that_somebody_wrote(
    alice: Client, house: House
) -> None:
    place = place_of(ask(alice, "요약", attach(alice, "a.txt", MEMO)))
    attach(alice, "b.txt", MEMO)
    who = house.principal("alice")
    assert house.attachments.count(who) == 2
    assert "The text of 2 files that you attached" in alice.get("/account/data").text
    archive = zipfile.ZipFile(io.BytesIO(house.services.records.export(who)))
    texts = [json.loads(archive.read(name))["text"] for name in archive.namelist() if "attachments/" in name]
    assert texts == [MEMO.decode()] * 2
    alice.post(f"{place}/delete")
    house.clock.advance(700)
    house.library.empty_bin()
    assert house.attachments.count(who) == 1
    house.services.erasure.conversations(SYSTEM, who.user_id)
    assert house.attachments.count(who) == 0


def test_a_copy_of_the_conversation_names_its_files(alice: Client) -> None:
    sent = ask(alice, "요약", attach(alice, "a.txt", MEMO))
    finish(alice, sent)
    for form in ("md", "txt", "html", "json"):
        copied = alice.post(f"{place_of(sent)}/export", form=form).text
        assert "a.txt" in copied


def test_nothing_of_a_file_lies_open_in_the_database(alice: Client, house: House) -> None:
    attach(alice, "비밀이름.txt", MEMO)
    with house.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM attachments").all()
    raw = repr(rows).encode() + b"".join(value for row in rows for value in row if isinstance(value, bytes))
    assert len(rows) == 1
    assert "느티나무".encode() not in raw
    assert "비밀이름".encode() not in raw
