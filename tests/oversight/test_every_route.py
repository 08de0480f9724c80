"""Every route is asked: one that changes state without an audit entry in the same transaction fails.

Forms and bodies carry a field for everything a route may want, so that a new route is walked over
without anybody adding it here. What a walk alone would miss (a passkey's ceremony) the tests of its
own room see, which run under the same ledger.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.core import SYSTEM, Outcome
from appliance.ids import new_id
from appliance.storage.engine import Database
from tests.oversight.ledger import Ledger
from tests.oversight.office import PASSWORD, Office, Things

MUST_CHANGE = {
    "POST /sign-in", "POST /sign-out", "POST /chat/messages", "POST /chat/{conversation_id}/messages",
    "POST /chat/{conversation_id}/rename", "POST /chat/{conversation_id}/delete", "POST /account/keys",
    "POST /chat/{conversation_id}/classify",
    "POST /account/keys/{key_id}/revoke", "POST /account/sessions/{session_id}/end",
    "POST /account/sessions/end-others", "POST /console/users/invite", "POST /console/groups",
    "POST /console/users/{user_id}/state", "POST /console/users/{user_id}/roles",
    "POST /console/audit/views", "POST /console/audit/views/{view_id}/remove",
    "POST /v1/chat/completions",
}  # fmt: skip


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, in routers and mounted applications too."""
    for route in app.routes:
        if type(route).__name__ == "_IncludedRouter":  # FastAPI's own, since it includes lazily
            yield from routes(route.original_router, prefix + route.include_context.prefix)
        elif getattr(route, "methods", None):
            yield from ((method, prefix + route.path) for method in sorted(route.methods - {"HEAD"}))
        else:
            yield from routes(route.app, prefix + route.path)


def form(things: Things) -> dict[str, str]:
    """A field for everything."""
    return {
        "name": f"new {new_id()}", "password": PASSWORD, "repeated": PASSWORD, "current": PASSWORD,
        "new": f"{PASSWORD} 둘", "text": "오늘 할 일", "client_id": new_id(), "title": "새 제목",
        "label": "새 열쇠", "reason": "정기 점검", "role": "member", "roles": "member", "member": "on",
        "group": "group", "user": things.other, "state": "disabled", "next": "/chat", "language": "en",
        "theme": "dark", "csv": "name,roles,groups\nnew-person,member,\n", "outcome": "blocked",
        "month": "2026-02", "code": "000000", "data_class": "S",
    }  # fmt: skip


BODY = {
    "model": "scripted",
    "messages": [{"role": "user", "content": "안녕"}],
    "prompt": "안녕",
    "input": "안녕",
    "content": "안녕",
    "tokens": [1, 2],
    "max_tokens": 8,
}


def files(data: Path) -> dict[str, str]:
    """What is in the data folder besides the database and what is disposable."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file()
        and not path.name.startswith("naesil.db")
        and path.parent.name not in ("run", "keys")
    }


def body(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """The part of BODY that this route of the API knows, by its own description."""
    operation = schema["paths"].get(path.removeprefix("/v1"), schema["paths"].get(path, {})).get("post", {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    known = schema["components"]["schemas"].get(name, {}).get("properties", BODY)
    return {key: value for key, value in BODY.items() if key in known}


async def walk(data: Path) -> tuple[list[str], set[str]]:
    """(faults, routes that changed state) after every route was asked once."""
    office, faults, changing = Office(data), [], set()
    await office.open()
    schema = (await office.http.get("/v1/openapi.json")).json()
    for method, path in sorted(routes(office.app)):
        things = await office.things()
        address = things.address(path)
        sent = form(things) | ({"name": things.name} if path == "/sign-in" else {})
        before, seen, kept = office.ledger.entries, len(office.ledger.silent), files(data)
        answer = await office.ask(things, method, address, sent, body(schema, path))
        await office.web.chat.close()
        name = f"{method} {path}"
        if answer.status_code >= 500 and answer.status_code != 503:
            faults.append(f"{name}: {answer.status_code}")
        faults += [f"{name}: {silent}" for silent in office.ledger.silent[seen:]]
        if files(data) != kept and office.ledger.entries == before:
            faults.append(f"{name}: a file changed without an entry")
        if office.ledger.entries > before:
            changing.add(name)
    await office.close()
    return faults, changing


def test_no_route_changes_state_without_an_entry(tmp_path: Path) -> None:
    faults, changing = asyncio.run(walk(tmp_path / "data"))
    assert faults == []
    assert changing >= MUST_CHANGE, MUST_CHANGE - changing


@pytest.mark.parametrize("recorded", [False, True])
def test_the_ledger_sees_a_silent_change_and_no_other(
    database: Database, audit: AuditLog, *, recorded: bool
) -> None:
    """The walk can fail."""
    ledger = Ledger()
    ledger.watch(database.engine)
    with database.write() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO audit_views (id, owner, name, query) VALUES ('1', 'a', 'b', '')"
        )
        if recorded:
            audit.append(session, Entry(action=AuditAction.VIEW_SAVED, actor=SYSTEM, outcome=Outcome.ALLOWED))
    assert ledger.changed == {"audit_views"}
    assert len(ledger.silent) == (0 if recorded else 1)
