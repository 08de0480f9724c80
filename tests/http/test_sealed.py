"""Texts sealed for auditors, from the policy to the pages: people are told, and what is destroyed is gone."""

import asyncio
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert, select

from appliance.audit.content import ContentRow
from appliance.audit.export import Exporter, Request
from appliance.audit.publickeys import PublicKeys
from appliance.core import SYSTEM
from appliance.egress.sealer import LocalSealer
from appliance.evidence.auditor import new_auditor
from appliance.evidence.faults import Unsound
from appliance.evidence.opening import OpenedText, open_texts
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.http.test_chat_pages import ask
from tests.policy.policies import load_with

KIM = new_auditor("감사실/kim")
SEALED = f"version: 1\ncontent: sealed\nauditors: ['{KIM.public}']\nsealed_days: 30\n"


def texts(house: House, folder: Path) -> list[str]:
    """What the auditor reads in an export of now."""
    keys = PublicKeys.of(LocalSealer(house.settings.keys_folder).head())
    exporter = Exporter(house.database, house.audit, house.clock, keys, house.seal)
    exporter.export(SYSTEM, Request("점검"), folder / "x.zip")
    with (folder / "x.zip").open("rb") as file:
        try:
            found = list(open_texts(file, KIM))
        except Unsound as none:
            return [] if none.fault.code == "no-sealed-texts" else [none.fault.code]
    return [one.text for one in found if isinstance(one, OpenedText)]


def test_prompt_and_answer_are_sealed_only_while_the_policy_says_so(
    house: House, alice: Client, tmp_path: Path
) -> None:
    alice.get(ask(alice, "전에"))
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    alice.get(ask(alice, "가을 보고서"))
    assert texts(house, tmp_path) == ["가을 보고서", "**가을 보고서**\n\n끝."]


def test_whoever_writes_is_told_on_every_page_where_they_write(
    house: House, alice: Client, tmp_path: Path
) -> None:
    places = ("/chat", "/temporary", "/compare")
    assert all("data-sealed" not in alice.get(place).text for place in places)
    assert "Only you can read it" in alice.get("/chat").text
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    for place in places:
        page = alice.get(place).text
        assert "data-sealed" in page
        assert "감사실/kim" in page
    assert "Only you can read it" not in alice.get("/chat").text
    told = alice.get("/account/data").text
    assert "only the auditors can open them: 감사실/kim" in told
    assert "30 days at most" in told


def test_a_handing_out_is_seen_by_the_person_it_concerns(house: House, alice: Client, tmp_path: Path) -> None:
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    alice.get(ask(alice, "가을 보고서"))
    assert "audit:sealed-text:give" not in alice.get("/account/data").text
    assert texts(house, tmp_path)
    house.seal()
    assert "audit:sealed-text:give" in alice.get("/account/data").text


def test_sealed_texts_go_with_the_conversation_the_days_and_the_person(
    house: House, alice: Client, tmp_path: Path
) -> None:
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    person, retention = house.principal("alice"), house.services.retention
    for question in ("하나", "둘"):
        alice.get(ask(alice, question))
    last, _first = house.library.list(person)
    house.library.delete(person, last.id)
    house.clock.advance(timedelta(minutes=11).total_seconds())
    assert house.library.empty_bin() == 1
    assert "둘" not in str(texts(house, tmp_path))
    assert "하나" in str(texts(house, tmp_path))
    house.clock.advance(timedelta(days=29).total_seconds())
    assert retention.drop_sealed(SYSTEM) == 0
    house.clock.advance(timedelta(days=2).total_seconds())
    retention.holds.place(SYSTEM, person.user_id, "소송")
    assert retention.drop_sealed(SYSTEM) == 0
    retention.holds.lift(SYSTEM, person.user_id)
    assert retention.drop_sealed(SYSTEM) == 2
    assert texts(house, tmp_path) == []
    assert [one.reason[:7] for one in house.recorded() if one.action == "audit:sealed-text:destroy"] == [
        "texts 2"
    ]


def test_a_row_from_an_older_copy_opens_no_more_once_its_conversation_is_destroyed(
    house: House, alice: Client, tmp_path: Path
) -> None:
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    person = house.principal("alice")
    alice.get(ask(alice, "가을 보고서"))
    with house.database.read() as session:
        copied = [dict(row) for row in session.execute(select(ContentRow.__table__)).mappings()]
    house.library.delete(person, house.library.list(person)[0].id)
    house.clock.advance(timedelta(minutes=11).total_seconds())
    assert house.library.empty_bin() == 1
    with house.database.write() as session:
        session.execute(insert(ContentRow), copied)
    assert len(copied) == 2
    assert texts(house, tmp_path) == []


def test_erasing_a_person_erases_what_is_sealed_of_them(house: House, alice: Client, tmp_path: Path) -> None:
    house.policy.replace(load_with(tmp_path, audit=SEALED))
    alice.get(ask(alice, "하나"))
    assert texts(house, tmp_path)
    user_id = house.principal("alice").user_id
    asyncio.run(house.chat.quiet_down(user_id))
    house.services.erasure.conversations(SYSTEM, user_id)
    assert texts(house, tmp_path) == []
