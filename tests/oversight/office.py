"""The web process as the supervisor wires it, over a scripted model, in one event loop; and its things."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from appliance.audit.search import Query
from appliance.chat.values import Wish
from appliance.config import Settings
from appliance.core import SYSTEM, Principal, Role
from appliance.egress.sealer import LocalSealer
from appliance.http import csrf
from appliance.http.app import create_app
from appliance.ids import new_id
from appliance.storage.folder import prepare_data_folder
from appliance.supervisor.spec import ChildSpec
from appliance.supervisor.web import Web, build
from tests.fakes import FakeClock
from tests.oversight.ledger import Ledger
from tests.scripted_runtime import ScriptedRuntime

PASSWORD = "느티나무 아래 세 번째 의자"
SETUP_TOKEN = "one-time-token"


@dataclass(frozen=True)
class Things:
    """One of everything a path can name, made anew for each request."""

    person: Principal
    other: str
    name: str
    token: str
    key: str
    values: dict[str, str]

    def address(self, path: str) -> str:
        """The path with what it names."""
        return re.sub(r"{(\w+)}", lambda name: self.values.get(name[1], name[0]), path)


class Office:
    """Everything real but the model and the clock."""

    def __init__(self, data: Path) -> None:
        settings = Settings(data=data, port=8080)
        prepare_data_folder(settings)
        LocalSealer(settings.keys_folder)
        digest = hashlib.sha256(SETUP_TOKEN.encode()).hexdigest()
        spec = ChildSpec(role="web", settings=settings, status=-1, peer=-1, setup_token_sha256=digest)
        self.clock = FakeClock()
        self.web: Web = build(spec, self.clock)
        self.ledger = Ledger()
        self.ledger.watch(self.web.database.engine)
        self.runtime = ScriptedRuntime()
        self.app = create_app(self.web.services)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url="http://localhost:8080"
        )
        self._made = 0

    async def open(self) -> None:
        await self.runtime.connect(self.web.inference)

    async def close(self) -> None:
        await self.http.aclose()
        await self.web.chat.close()
        await self.web.inference.close()
        await self.runtime.close()
        self.web.database.close()

    async def things(self, *roles: str) -> Things:
        """A person with these roles (by default all), and what is theirs and somebody else's."""
        self._made += 1
        services, identity = self.web.services, self.web.services.identity
        name = f"person-{self._made}"
        account = services.accounts.create(SYSTEM, name, PASSWORD, frozenset(roles or Role))
        token = identity.door.open_for(account, "127.0.0.1")
        person = services.sessions.authenticate(token, "127.0.0.1")
        assert person is not None
        spare = services.sessions.authenticate(identity.door.open_for(account, "127.0.0.1"), "127.0.0.1")
        assert spare is not None
        other = services.accounts.create(SYSTEM, f"other-{self._made}", PASSWORD, frozenset({Role.MEMBER}))
        key, secret = services.keys.create(person, person.user_id, f"key {self._made}")
        sent = await services.chat.send(
            person, Wish(conversation_id=None, client_id=new_id(), request_id=new_id(), text="질문")
        )
        async for _ in services.chat.events(person, sent.conversation_id, sent.answer_id):
            pass
        identity.groups.create(person, f"group-{self._made}")
        view = services.oversight.viewer.save_view(person, "view", Query(outcome="blocked"))
        values = {
            "conversation_id": sent.conversation_id,
            "answer_id": sent.answer_id,
            "message_id": sent.user_message_id,
            "key_id": key.id,
            "session_id": spare.credential_id,
            "user_id": other.id,
            "view_id": view.id,
            "index": "0",
            "token": SETUP_TOKEN,
        }
        return Things(person, other.name, name, token, secret, values)

    async def ask(
        self, things: Things, method: str, path: str, form: dict[str, str], body: Any
    ) -> httpx.Response:
        """One request as our own pages or an API client send it."""
        self.http.cookies.clear()
        if path.startswith("/v1"):
            headers = {"Authorization": f"Bearer {things.key}"}
            return await self.http.request(
                method, path, headers=headers, json=None if method == "GET" else body
            )
        self.http.cookies.set("naesil", things.token)
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        if method == "GET":
            return await self.http.get(path, headers=headers)
        data = form | {csrf.FIELD: csrf.token_for(things.token)}
        return await self.http.request(method, path, headers=headers, data=data)
