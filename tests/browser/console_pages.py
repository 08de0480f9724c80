"""Every page of the console with something on it, by route, so that a new page is not forgotten."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.testclient import TestClient

from appliance.audit.export import Request
from appliance.audit.search import Query
from appliance.chat.assistants import AssistantDraft
from appliance.core import SYSTEM, Principal, Role
from appliance.ids import new_id
from tests.http.conftest import ORIGIN, Client
from tests.http.fakes import House

YEAR_S = 366 * 86_400
MONTH = "2026-03"
PATIENCE_S = 60
DOWNLOADS = {"GET /console/egress/attestations/{name}/note", "GET /console/audit/export/{name}"}
LEADS_ON = {"GET /console"}


@dataclass(frozen=True, slots=True)
class Things:
    """What the addresses name: a draft with a change, one with mistakes, one on trial."""

    user: str
    draft: str
    broken: str
    trial: str
    attestation: str
    assistant: str


PAGES: dict[str, Callable[[Things], list[str]]] = {
    "GET /console/dashboard": lambda _: ["/console/dashboard"],
    "GET /console/users": lambda _: ["/console/users"],
    "GET /console/users/{user_id}": lambda things: [f"/console/users/{things.user}"],
    "GET /console/groups": lambda _: ["/console/groups"],
    "GET /console/assistants": lambda _: ["/console/assistants"],
    "GET /console/assistants/{assistant_id}": lambda things: [f"/console/assistants/{things.assistant}"],
    "GET /console/usage": lambda _: ["/console/usage"],
    "GET /console/models": lambda _: ["/console/models"],
    "GET /console/queue": lambda _: ["/console/queue"],
    "GET /console/system": lambda _: ["/console/system"],
    "GET /console/egress": lambda _: ["/console/egress"],
    "GET /console/egress/attestations/{name}": lambda things: [
        f"/console/egress/attestations/{things.attestation}"
    ],
    "GET /console/audit": lambda _: [
        "/console/audit",
        "/console/audit?outcome=masked",
        "/console/audit?model=ff",
        "/console/audit?before=5",
    ],
    "GET /console/audit/entries/{index}": lambda _: [
        "/console/audit/entries/0",
        "/console/audit/entries/12",
    ],
    "GET /console/audit/verify": lambda _: ["/console/audit/verify"],
    "GET /console/audit/export": lambda _: ["/console/audit/export"],
    "GET /console/audit/review": lambda _: ["/console/audit/review", "/console/audit/review?month=2026-03"],
    "GET /console/retention": lambda _: ["/console/retention"],
    "GET /console/policies": lambda _: ["/console/policies"],
    "GET /console/policies/drafts/{draft_id}": lambda things: [
        f"/console/policies/drafts/{draft}" for draft in (things.draft, things.broken, things.trial)
    ],
    "GET /console/policies/drafts/{draft_id}/files/{name}": lambda things: [
        f"/console/policies/drafts/{things.draft}/files/dlp.yaml"
    ],
    "GET /console/policies/revisions/{number}": lambda _: ["/console/policies/revisions/1"],
}


def furnish(house: House) -> Things:
    """Put something on every page; a year later some of it is past its date."""
    colleague, token = house.person("이두리")
    http = TestClient(house.site, base_url=ORIGIN, follow_redirects=False)
    client = Client(http, token)
    text = "카드번호 4111-1111-1111-1111"
    assert client.post("/chat/messages", text=text, client_id=new_id()).status_code in (200, 303)
    house.identity.groups.create(SYSTEM, "연구소")
    house.clock.advance(YEAR_S)
    boss = house.person("관리자", *Role)[0]
    house.services.retention.holds.place(boss, boss.user_id, "사건 2026-1")
    policies = house.policies
    draft, broken, trial = (policies.start(boss, note).id for note in ("더 엄격하게", "실수", "시험"))
    dlp = policies.draft(draft).files["dlp.yaml"]
    policies.write(boss, draft, "dlp.yaml", dlp.replace("action: mask", "action: block", 1))
    policies.write(boss, broken, "dlp.yaml", dlp.replace("action: mask", "action: musk"))
    policies.try_out(boss, trial)
    with ThreadPoolExecutor() as beside:  # the browser's own loop runs in this thread
        beside.submit(asyncio.run, house.proving.attest(boss)).result()
    attestation = house.proving.attestations.newest(1)[0][0]
    house.seal()
    oversee(house, boss)
    assistant = house.services.assistants.save(
        SYSTEM, AssistantDraft(name="계약 검토", instructions="조항을 살펴라"), house=True
    )
    return Things(colleague.user_id, draft, broken, trial, attestation, assistant)


def oversee(house: House, auditor: Principal) -> None:
    """What an auditor leaves on the pages of the log: a view, a finding, an export, a signed review."""
    desk = house.services.oversight
    desk.viewer.save_view(auditor, "시험", Query(outcome="masked"))
    desk.checking.start(auditor)
    desk.exports.start(auditor, Request("정기 점검"))
    review = desk.reviews.make(auditor, MONTH)
    desk.reviews.sign(auditor, MONTH, review.sha256, "사건 2026-1")
    until = time.monotonic() + PATIENCE_S
    while desk.checking.state.running or desk.exports.state.running:
        assert time.monotonic() < until
        time.sleep(0.01)
    house.seal()
