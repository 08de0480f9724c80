"""No durable entry, no action; and no road on which an administrator reads what others wrote."""

import asyncio
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from sqlalchemy import event
from typer.testing import CliRunner

from appliance.chat.assistants import AssistantDraft
from appliance.chat.values import Wish
from appliance.cli.app import app as command_line
from appliance.ids import new_id
from tests.oversight.office import PASSWORD, Office, Things
from tests.oversight.test_every_command import ELSEWHERE, commands, words
from tests.oversight.test_every_route import BODY, MUST_CHANGE, body, form, routes

SECRET = "무지개송어"
# What else addresses name; a new name has to be put here, or into `spoken`. A file can only be removed.
NOBODYS_WORDS = {"name", "number", "draft_id", "request_id", "passkey_id", "version", "attachment_id"}


async def refused(data: Path) -> tuple[dict[str, int], int]:
    """(status by route, prompts that reached the model) with a database that takes nothing more."""
    office, answers = Office(data), {}
    await office.open()
    schema = (await office.http.get("/v1/openapi.json")).json()
    made = {path: await office.things() for path in sorted(MUST_CHANGE)}
    engine = office.web.database.engine
    event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA query_only = ON"))
    engine.dispose()  # every connection from now on is a new one
    asked = len(office.runtime.asked)
    for name, things in made.items():
        method, path = name.split(" ")
        address = path
        for key, value in things.values.items():
            address = address.replace("{" + key + "}", value)
        sent = form(things) | ({"name": things.name} if path == "/sign-in" else {})
        answer = await office.ask(things, method, address, sent, body(schema, path))
        answers[name] = answer.status_code
    reached = len(office.runtime.asked) - asked
    await office.close()
    return answers, reached


def test_with_a_read_only_database_nothing_is_done_and_no_prompt_reaches_the_model(tmp_path: Path) -> None:
    answers, reached = asyncio.run(refused(tmp_path / "data"))
    assert {name: status for name, status in answers.items() if status != 503} == {}
    assert reached == 0


async def spoken(office: Office, alice: Things) -> dict[str, str]:
    """What Alice said and kept, in every place that takes words, by the names it has in addresses."""
    services, person = office.web.services, alice.person
    asked = Wish(conversation_id=None, client_id=new_id(), request_id=new_id(), text=f"{SECRET} 이야기")
    sent = await services.chat.send(person, asked)
    async for _ in services.chat.events(person, sent.conversation_id, sent.answer_id):
        pass
    assert SECRET in str(services.library.open(person, sent.conversation_id).messages)
    talk = await services.temporary.send(person, None, f"{SECRET} 잡담")
    answer = services.temporary.open(person, talk).messages[-1].id
    async for _ in services.temporary.events(person, talk, answer):
        pass
    assert SECRET in str(services.temporary.open(person, talk).messages)
    own = AssistantDraft(name="도우미", instructions=f"{SECRET}만 생각하라")
    return alice.values | {
        "conversation_id": sent.conversation_id,
        "answer_id": sent.answer_id,
        "message_id": sent.user_message_id,
        "user_id": person.user_id,
        "talk_id": talk,
        "prompt_id": services.prompts.save(person, "요리", f"{SECRET} 굽는 법"),
        "assistant_id": services.assistants.save(person, own, house=False),
    }


async def leaks_of_routes(data: Path) -> list[str]:
    """Every route asked by somebody with every role, with the ids of what another said and kept."""
    office = Office(data)
    await office.open()
    schema = (await office.http.get("/v1/openapi.json")).json()
    theirs = await spoken(office, await office.things("member"))
    named = {name for _, path in routes(office.app) for name in re.findall(r"{(\w+)", path)}
    assert named - theirs.keys() == NOBODYS_WORDS
    found = []
    for method, path in sorted(
        routes(office.app), key=lambda route: (route[0] != "GET", "delete" in route[1])
    ):
        admin = await office.things()
        address = path
        for key, value in theirs.items():
            address = address.replace("{" + key + "}", value)
        answer = await office.ask(admin, method, address, form(admin), body(schema, path))
        if (
            SECRET in answer.text
            or SECRET.encode() in answer.content
            or SECRET in unquote(str(answer.headers))
        ):
            found.append(f"{method} {path}")
    await office.close()
    return found


def leaks_of_commands(data: Path) -> list[str]:
    """Every command run by whoever has the machine's command line."""
    password = data.parent / "password"
    password.write_text(PASSWORD)
    known = {
        "name": "person-1", "user": "person-1", "reason": "호기심", "admin": "admin", "role": "member",
        "password_file": str(password), "join": "팀",
    }  # fmt: skip
    found = []
    for path, command in commands(typer.main.get_command(command_line)):
        if path in ELSEWHERE or path[:2] in (("user", "delete"), ("user", "erase")):
            continue
        result = CliRunner().invoke(command_line, [*path, *words(command, data, known)])
        if SECRET in result.output:
            found.append(" ".join(path))
    return found


def test_no_administrator_reads_a_conversation_by_any_route_or_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    assert SECRET not in str(BODY)
    assert asyncio.run(leaks_of_routes(data)) == []
    assert leaks_of_commands(data) == []
    for path in (one for one in tmp_path.rglob("*") if one.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path
