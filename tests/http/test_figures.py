"""What the console counts: answers, findings, waits, the backlog, the last backup; trials and replays."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from appliance.audit.actions import AuditAction
from appliance.protocol.messages import Failed, Finished, Queued, StreamEvent, Token
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.http.test_conversation_pages import ask
from tests.http.test_policy_pages import PATH, begin, write

CARD = "4111-1111-1111-1111"
EMAIL = "hong@corp.example"
REPLIES = """
  - id: P-9
    directions: [reply]
    detectors: [email]
    action: mask
    reason: {ko: 시험, en: Test}
"""


async def tell(text: str) -> AsyncIterator[StreamEvent]:
    """Says a card number and an address; fails when asked to."""
    yield Queued("", 1, 1.0)
    if "fail" in text:
        yield Failed(id="", code="internal")
        return
    yield Token("", f"카드는 {CARD}, 메일은 {EMAIL} 입니다. ")
    yield Finished(id="", reason="stop", prompt_tokens=5, completion_tokens=9)


@pytest.fixture
def house() -> Iterator[House]:
    house = House(tell)
    yield house
    house.close()


def test_the_dashboard_counts_the_last_day(house: House, alice: Client, admin: Client) -> None:
    page = admin.get("/console/dashboard").text
    assert "Nothing was masked or blocked." in page
    assert "Never" in page
    ask(alice, f"카드번호 {CARD}")
    ask(alice, "fail")
    stamp = house.settings.run_folder / "last-backup.json"
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(json.dumps({"at": "2026-02-27T03:00:00+00:00"}))
    house.clock.advance(60)
    figures = house.services.reports.figures()
    assert (figures.answers, figures.failed) == (2, 1)
    assert figures.acted == (("masked", "card", 2),)  # one in the question, one in the answer
    assert figures.first_token_s is not None
    page = admin.get("/console/dashboard").text
    assert "Card number" in page
    assert figures.last_backup == datetime(2026, 2, 27, 3, tzinfo=UTC)
    assert "Never" not in page
    house.clock.advance(2 * 86_400)
    assert house.services.reports.figures().answers == 0


def test_a_replay_decides_replies_again_too(house: House, alice: Client, admin: Client) -> None:
    ask(alice, "연락처 알려 줘")
    draft = begin(admin)
    write(house, admin, draft, REPLIES)
    files = house.policies.draft(draft.rsplit("/", 1)[1]).files
    found = house.policies.replay(house.principal("admin"), files, 7)
    assert (found.requests, found.changed) == (2, 1)
    assert found.examples[0].direction == "reply"
    assert found.examples[0].found == {"card.HIGH": 1, "email.HIGH": 1}
    assert "2 requests and replies; 1 would end otherwise" in admin.post(f"{draft}/replay", days="7").text


def test_a_trial_shows_what_it_counted(house: House, alice: Client, admin: Client) -> None:
    draft = begin(admin)
    write(house, admin, draft, REPLIES.replace("[reply]", "[prompt]").replace("mask", "block"))
    admin.post(f"{draft}/try")
    ask(alice, f"메일은 {EMAIL}")
    ask(alice, "없음")
    assert ("allowed", "blocked", 1) in house.policies.tried(draft.rsplit("/", 1)[1])
    page = admin.get(draft).text
    assert "Decisions since the trial began" in page
    assert "1 of " in admin.get(PATH).text
    assert [one.action for one in house.recorded()].count(AuditAction.POLICY_WOULD_DIFFER) == 1
