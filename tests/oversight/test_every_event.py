"""The events that the log promises, one by one: each is brought about, and its entry must be there."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.audit.actions import AuditAction as A
from appliance.audit.vigil import Vigil
from appliance.config import share_folder
from appliance.core import SYSTEM, Principal, Role
from appliance.errors import NaesilError
from appliance.protocol.egress import EgressEvent
from appliance.supervisor.journal import EgressJournal
from tests.fakes import FakeClock
from tests.http.conftest import Client, _client, script
from tests.http.fakes import PASSWORD, House
from tests.http.test_audit_acts import ended
from tests.http.test_chat_pages import ask
from tests.http.test_models_page import send
from tests.inference.gguf_files import gguf
from tests.policy.policies import MASK_ALL, load_with

EMAIL = "연락은 kim@example.com으로 주세요"


@dataclass(frozen=True)
class Place:
    """A small office: somebody with every role, their browser, a stranger's, a folder."""

    house: House
    boss: Principal
    browser: Client
    stranger: Client
    folder: Path

    def other(self) -> str:
        return self.house.accounts.create(SYSTEM, "lee", PASSWORD, frozenset({Role.MEMBER})).id


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    house = House(script)
    with ExitStack() as clients:
        boss, token = house.person("kim", *Role)
        yield Place(house, boss, _client(house, clients, token), _client(house, clients, ""), tmp_path)
    house.close()


def sign_in(password: str) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        place.stranger.get("/sign-in")
        place.stranger.post("/sign-in", name="kim", password=password, next="/chat")

    return act


def with_rule(action: str) -> Callable[[Place], object]:
    """A question with an address in it, under a rule for all that does this."""

    def act(place: Place) -> None:
        place.house.policy.replace(
            load_with(place.folder, dlp=MASK_ALL.replace("action: mask", f"action: {action}"))
        )
        place.browser.post("/chat/messages", text=EMAIL, client_id="00000000-0000-7000-8000-000000000077")

    return act


def beyond_a_limit(place: Place) -> None:
    """More questions than a minute may have."""
    limits = (share_folder("policies") / "limits.yaml").read_text("utf-8")
    changed = re.sub(r"requests_per_minute: \d+", "requests_per_minute: 1", limits)
    place.house.policy.replace(load_with(place.folder, limits=changed))
    for number in range(3):
        place.browser.post(
            "/chat/messages", text="질문", client_id=f"00000000-0000-7000-8000-00000000000{number}"
        )


def egress(kind: str) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        def append(entries: list) -> None:  # type: ignore[type-arg]
            with place.house.database.write() as session:
                for entry in entries:
                    place.house.audit.append(session, entry)

        async def scenario() -> None:
            journal = EgressJournal(append)
            journal.add(EgressEvent(kind=kind, address="192.0.2.1:443"))  # type: ignore[arg-type]
            await journal.close()

        asyncio.run(scenario())

    return act


def activate(place: Place) -> None:
    policies = place.house.policies
    second = place.house.person("park", *Role)[0]
    draft = policies.start(place.boss, "더 엄격하게").id
    dlp = policies.draft(draft).files["dlp.yaml"]
    policies.write(place.boss, draft, "dlp.yaml", dlp.replace("action: mask", "action: block", 1))
    policies.propose(place.boss, draft)
    policies.approve(second, draft)
    policies.activate(place.boss, draft)


def switch(place: Place) -> None:
    send(place.browser, gguf(data_bytes=3_000_000), name="tiny")
    place.house.services.models.use(place.boss, "tiny")


def export(place: Place) -> None:
    place.browser.post("/console/audit/export", reason="점검")
    ended(place.browser, "/console/audit/export")


def verification(place: Place) -> None:
    place.browser.post("/console/audit/verify")
    ended(place.browser, "/console/audit/verify")


def clock_jump(place: Place) -> None:
    class Moved(FakeClock):
        def monotonic(self) -> float:
            return 1000.0  # it stands while the hands of the other move

    clock = Moved()
    vigil = Vigil(place.house.database, place.house.audit, clock)
    clock.advance(3600)
    vigil.look()


EVENTS: dict[str, tuple[A, str, Callable[[Place], object]]] = {
    "sign-in": (A.LOGIN, "allowed", sign_in(PASSWORD)),
    "failure to sign in": (A.LOGIN_FAILED, "refused", sign_in("wrong")),
    "session end": (A.LOGOUT, "allowed", lambda place: place.browser.post("/sign-out")),
    "user": (A.USER_CREATED, "allowed", lambda place: place.other()),
    "user disabled": (
        A.USER_DISABLED, "allowed",
        lambda place: (place.other(), place.house.accounts.disable(place.boss, "lee")),
    ),
    "group": (A.GROUP_CREATED, "allowed", lambda place: place.house.identity.groups.create(place.boss, "팀")),
    "role": (
        A.ROLES_SET, "allowed",
        lambda place: place.browser.post(f"/console/users/{place.other()}/roles", roles="auditor"),
    ),
    "key": (A.KEY_CREATED, "allowed", lambda place: place.browser.post("/account/keys", label="앱")),
    "prompt": (A.PROMPT, "allowed", lambda place: place.browser.get(ask(place.browser, "가을"))),
    "reply": (A.REPLY, "allowed", lambda place: place.browser.get(ask(place.browser, "가을"))),
    "mask": (A.PROMPT, "masked", with_rule("mask")),
    "block": (A.PROMPT_REFUSED, "blocked", with_rule("block")),
    "refusal": (A.PROMPT_REFUSED, "refused", beyond_a_limit),
    "policy edit": (A.POLICY_DRAFTED, "allowed", activate),
    "policy activation": (A.POLICY_ACTIVATED, "allowed", activate),
    "model import": (A.MODEL_IMPORTED, "allowed", switch),
    "model switch": (A.MODEL_CHOSEN, "allowed", switch),
    "egress grant": (A.EGRESS_GRANTED, "allowed", egress("grant")),
    "egress denial": (A.EGRESS_DENIED, "refused", egress("deny")),
    "export": (A.AUDIT_EXPORTED, "allowed", export),
    "verification": (A.AUDIT_VERIFIED, "allowed", verification),
    "a read of somebody else's data": (
        A.ENTRY_READ, "allowed", lambda place: place.browser.get("/console/audit/entries/0"),
    ),
    "settings": (
        A.SETTINGS_CHANGED, "allowed",
        lambda place: Vigil(place.house.database, place.house.audit, place.house.clock).start({"port": "1"}),
    ),
    "clock jump": (A.CLOCK_JUMPED, "allowed", clock_jump),
}  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_each_promised_event_is_in_the_log(place: Place, event: str) -> None:
    action, outcome, act = EVENTS[event]
    before = len(place.house.recorded())
    try:
        act(place)
    except NaesilError as error:
        pytest.fail(f"{event} could not be brought about: {error}")
    found = [one for one in place.house.recorded()[before:] if one.action == action]
    assert outcome in {one.outcome for one in found}, event
