"""Exactly who may, at every address: nobody slips in, nobody who may is kept out."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from appliance.chat.assistants import AssistantDraft
from appliance.config import share_folder
from appliance.core import SYSTEM, Permission, Principal, Role
from appliance.ids import new_id
from appliance.policy.decide import decide
from appliance.policy.documents import load
from tests.http.conftest import Client, _client
from tests.http.fakes import House
from tests.http.permissions import BY_EACH_PERSONS_RIGHTS, KEY, PUBLIC, ROUTES, SIGNED_IN
from tests.http.test_attachments import attach

POLICY = load(share_folder("policies"))


def served(routes: Any, prefix: str = "") -> Iterator[str]:
    """Every method and address of the application, mounted ones too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        methods = getattr(route, "methods", None)
        if inner is not None:
            yield from served(inner.routes, prefix)
        elif methods is None:
            yield from served(getattr(route, "app", route).routes, prefix + getattr(route, "path", ""))
        else:
            yield from (f"{method} {prefix}{route.path}" for method in methods if method != "HEAD")


def filled(path: str) -> str:
    """The address with ids that nobody has."""
    return re.sub(r"{[^}]*}", lambda match: "0" if match[0] in ("{index}", "{number}") else new_id(), path)


def call(client: Client, row: str) -> Any:
    method, path = row.split(" ", 1)
    return client.get(filled(path)) if method == "GET" else client.post(filled(path))


def turned_away(answer: Any) -> bool:
    """Whether the door was shut, rather than the question wrong."""
    location = answer.headers.get("location", "")
    return answer.status_code in (401, 403) or location.startswith("/sign-in?next=")


def test_every_route_has_a_row_and_every_row_a_route(house: House) -> None:
    assert sorted(served(house.site.routes)) == sorted({*ROUTES, *BY_EACH_PERSONS_RIGHTS})


def test_a_stranger_is_turned_away_everywhere_but_at_the_public_doors(stranger: Client) -> None:
    stranger.get("/sign-in")
    for row, who in ROUTES.items():
        if who not in (PUBLIC, KEY):
            assert turned_away(call(stranger, row)), row


def test_without_a_key_there_is_no_answer(stranger: Client) -> None:
    for row in (row for row, who in ROUTES.items() if who == KEY):
        method, path = row.split(" ", 1)
        for headers in ({}, {"Authorization": "Bearer nae_wrong"}, {"x-api-key": "nae_wrong"}):
            answer = stranger.http.request(method, filled(path), headers=headers, json={})
            assert answer.status_code == 401, row
            assert "authentication_error" in answer.text, row


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_exactly_what_is_its_own(house: House, clients: ExitStack, role: Role) -> None:
    client = _client(house, clients, house.person(role, role)[1])
    principal = Principal("x", "user", roles=frozenset({role}))
    for row, who in ROUTES.items():
        if who not in (PUBLIC, KEY):
            may = who == SIGNED_IN or decide(POLICY, principal, Permission(who)).permitted
            answer = call(client, row)
            assert turned_away(answer) is not may, (row, answer.status_code)


def test_anothers_things_read_as_missing(house: House, alice: Client, bob: Client) -> None:
    """Every id in the address is a real one of Alice's; Bob asks."""
    sent = alice.post("/chat/messages", text="**hello**", client_id=new_id()).headers["location"]
    account = house.accounts.find("alice")
    key, _ = house.identity.keys.create(SYSTEM, account.id, "hers")
    conversation = sent.rsplit("/", 1)[1]
    real = {
        "conversation_id": conversation,
        "answer_id": house.conversations("alice")[0].messages[1].id,
        "message_id": house.conversations("alice")[0].messages[0].id,
        "key_id": key.id,
        "session_id": house.sessions.list(account.id)[0].id,
        "passkey_id": new_id(),
        "assistant_id": house.assistants.save(
            house.principal("alice"), AssistantDraft(name="hers", instructions="be kind"), house=False
        ),
        "prompt_id": house.prompts.save(house.principal("alice"), "hers", "a text"),
        "attachment_id": attach(alice, "hers.txt", b"a text"),
    }
    for row in (row for row, who in ROUTES.items() if who == SIGNED_IN and "{" in row):
        method, path = row.split(" ", 1)
        path = re.sub(r"{(\w+)}", lambda match: real[match[1]], path)
        if method == "GET":
            answer = bob.get(path)
        else:
            answer = bob.post(path, text="x", title="x", client_id=new_id(), data_class="C")
        assert answer.status_code == 404, row
    assert house.keys_of("alice")
    assert house.conversations("alice")
