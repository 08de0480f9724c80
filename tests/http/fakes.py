"""Small real stand-ins for the services behind the pages: they keep everything in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from appliance.chat.running import RunningAnswer
from appliance.chat.titles import title_from
from appliance.chat.values import Conversation, ConversationSummary, Message, Sent
from appliance.clock import Clock
from appliance.config import Settings, share_folder
from appliance.core import Permission, Principal, Role
from appliance.errors import Conflict, InvalidInput, LimitReached, NotFound, NotSignedIn
from appliance.http.services import Services
from appliance.identity.accounts import Account
from appliance.identity.keys import ApiKey
from appliance.ids import new_id
from appliance.policy.active import ActivePolicy
from appliance.policy.decide import decide
from appliance.policy.documents import load
from appliance.policy.gate import Gate, violation
from appliance.protocol.messages import Failed, Finished, Stats, StreamEvent, Token
from tests.fakes import FakeClock

SETUP_TOKEN = "one-time-token"
PASSWORD = "느티나무 아래 세 번째 의자"
Script = Callable[[str], AsyncIterator[StreamEvent]]


class FakeAccounts:
    """Accounts in a list; the first one made is the administrator."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_id: dict[str, Account] = {}
        self.passwords: dict[str, str] = {}

    def any_administrator(self) -> bool:
        return bool(self.by_id)

    def add(self, name: str, password: str, roles: frozenset[Role]) -> Account:
        account = Account(new_id(), name, roles, False, self.clock.now(), None)
        self.by_id[account.id] = account
        self.passwords[name] = password
        return account

    def create_first_administrator(self, origin: str, name: str, password: str) -> Account:
        assert origin
        if self.by_id:
            raise Conflict("Naesil is already set up: an administrator exists. Sign in instead.")
        if len(password) < 8:
            raise InvalidInput(
                "A password has at least %(least)d characters. A short sentence is easy to remember.",
                field="password",
                least=8,
            )
        return self.add(name, password, frozenset({Role.ADMINISTRATOR, Role.MEMBER}))

    def get(self, user_id: str) -> Account:
        return self.by_id[user_id]


class FakeSessions:
    """Tokens in a dictionary; three wrong passwords lock the door for half a minute."""

    def __init__(self, accounts: FakeAccounts) -> None:
        self.accounts = accounts
        self.open: dict[str, Principal] = {}
        self.failures = 0

    def sign_in(self, name: str, password: str, origin: str) -> tuple[Account, str]:
        if self.failures >= 3:
            raise LimitReached(
                "Too many wrong passwords. Wait %(seconds)d seconds and try again.",
                retry_after=30,
                seconds=30,
            )
        if self.accounts.passwords.get(name) != password:
            self.failures += 1
            raise NotSignedIn("The name or the password is wrong.")
        account = next(found for found in self.accounts.by_id.values() if found.name == name)
        return account, self.open_for(account, origin)

    def open_for(self, account: Account, origin: str) -> str:
        token = f"token-{new_id()}"
        self.open[token] = Principal(account.id, "user", new_id(), origin, account.roles)
        return token

    def authenticate(self, token: str, origin: str) -> Principal | None:
        assert origin
        return self.open.get(token)

    def sign_out(self, principal: Principal) -> None:
        self.open = {token: found for token, found in self.open.items() if found != principal}


class FakeKeys:
    """Keys in a dictionary."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_id: dict[str, tuple[str, ApiKey]] = {}

    def create(self, actor: Principal, user_id: str, label: str) -> tuple[ApiKey, str]:
        assert actor.user_id == user_id
        if not label.strip():
            raise InvalidInput("A key's name has 1 to %(most)d visible characters.", field="label", most=64)
        key = ApiKey(new_id(), label, self.clock.now(), None, None)
        self.by_id[key.id] = (user_id, key)
        return key, f"nae_secret-{len(self.by_id)}"

    def list(self, user_id: str) -> list[ApiKey]:
        return [key for owner, key in self.by_id.values() if owner == user_id]

    def revoke(self, actor: Principal, user_id: str, key_id: str) -> None:
        if key_id not in self.by_id or self.by_id[key_id][0] != user_id or actor.user_id != user_id:
            raise NotFound("There is no such key.")
        del self.by_id[key_id]

    def authenticate(self, secret: str, origin: str) -> Principal | None:
        assert secret
        assert origin
        return None


@dataclass
class Talk:
    owner: str
    title: str
    messages: list[Message] = field(default_factory=list)


class FakeChat:
    """Conversations in a dictionary, answered by a script of events."""

    def __init__(self, clock: Clock, script: Script) -> None:
        self.clock = clock
        self.script = script
        self.talks: dict[str, Talk] = {}
        self.running: dict[str, RunningAnswer] = {}
        self.sent: dict[str, Sent] = {}

    def list(self, principal: Principal) -> list[ConversationSummary]:
        mine = [(key, talk) for key, talk in self.talks.items() if talk.owner == principal.user_id]
        return [ConversationSummary(key, talk.title, self.clock.now()) for key, talk in reversed(mine)]

    def open(self, principal: Principal, conversation_id: str) -> Conversation:
        talk = self._mine(principal, conversation_id)
        return Conversation(conversation_id, talk.title, tuple(talk.messages))

    async def send(
        self, principal: Principal, conversation_id: str | None, text: str, client_id: str, request_id: str
    ) -> Sent:
        assert request_id
        if client_id in self.sent:
            return self.sent[client_id]
        if not text.strip():
            raise InvalidInput("The message is empty. Type a question first.", field="text")
        if conversation_id is None:
            conversation_id = new_id()
            self.talks[conversation_id] = Talk(principal.user_id, title_from(text))
        talk = self._mine(principal, conversation_id)
        question = message(role="user", text=text, clock=self.clock)
        answer = message(role="assistant", text="", state="running", clock=self.clock)
        talk.messages += [question, answer]
        running = RunningAnswer(answer.id, conversation_id)
        self.running[answer.id] = running
        running.task = asyncio.create_task(self._answer(talk, running, text))
        self.sent[client_id] = Sent(conversation_id, question.id, answer.id)
        return self.sent[client_id]

    async def events(
        self, principal: Principal, conversation_id: str, answer_id: str
    ) -> AsyncIterator[StreamEvent]:
        talk = self._mine(principal, conversation_id)
        if (running := self.running.get(answer_id)) is not None:
            async for event in running.follow():
                yield event
            return
        found = next((one for one in talk.messages if one.id == answer_id), None)
        if found is None:
            raise NotFound("There is no such answer.")
        yield Token(answer_id, found.text)
        if found.state == "failed":
            yield Failed(id=answer_id, code="lost")
            return
        yield Finished(id=answer_id, reason="stop", completion_tokens=found.completion_tokens, decode_s=1.0)

    async def stop(self, principal: Principal, conversation_id: str) -> None:
        self._mine(principal, conversation_id)
        for running in [*self.running.values()]:
            if running.conversation_id == conversation_id and running.task is not None:
                running.task.cancel()
                await asyncio.wait([running.task])

    def rename(self, principal: Principal, conversation_id: str, title: str) -> str:
        if not title.strip():
            raise InvalidInput("A title has 1 to %(limit)d characters on one line.", field="title", limit=200)
        self._mine(principal, conversation_id).title = title
        return title

    async def delete(self, principal: Principal, conversation_id: str) -> None:
        await self.stop(principal, conversation_id)
        del self.talks[conversation_id]

    def _mine(self, principal: Principal, conversation_id: str) -> Talk:
        talk = self.talks.get(conversation_id)
        if talk is None or talk.owner != principal.user_id:
            raise NotFound("There is no such conversation. It may have been deleted.")
        return talk

    async def _answer(self, talk: Talk, running: RunningAnswer, text: str) -> None:
        said = ""
        end: StreamEvent = Finished(id=running.answer_id, reason="cancelled")
        try:
            async for event in self.script(text):
                said += event.text if isinstance(event, Token) else ""
                if isinstance(event, (Finished, Failed)):
                    end = event
                else:
                    running.publish(event)
        except asyncio.CancelledError:
            pass
        finally:
            self._settle(talk, running.answer_id, said, end)
            del self.running[running.answer_id]
            running.publish(end)

    def _settle(self, talk: Talk, answer_id: str, text: str, end: StreamEvent) -> None:
        place = next(index for index, one in enumerate(talk.messages) if one.id == answer_id)
        values: dict[str, Any] = {"text": text, "state": "failed", "reason": "lost"}
        if isinstance(end, Finished):
            values["reason"] = end.reason
            values["state"] = "stopped" if end.reason == "cancelled" else "done"
            values |= {
                "completion_tokens": end.completion_tokens,
                "decode_s": end.decode_s,
                "dropped_turns": end.dropped_turns,
            }
        talk.messages[place] = replace(talk.messages[place], **values)


def message(*, role: str, text: str, clock: Clock, state: str = "done", **values: Any) -> Message:
    """A message with nothing special about it."""
    plain: dict[str, Any] = {
        "reason": "",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "dropped_turns": 0,
        "decode_s": 0.0,
        "detections": {},
    }
    return Message(id=new_id(), role=role, text=text, state=state, created_at=clock.now(), **(plain | values))


class FakeInference:
    """A small model that has just been asked."""

    model = SimpleNamespace(
        model_name="small", model_sha256="5a" * 32, licence="apache-2.0", quantization="Q4_0", n_ctx=2048
    )

    async def stats(self) -> Stats:
        return Stats(
            id="", running=3, waiting=2, slots=16, prompt_tokens_per_s=812.5, generated_tokens_per_s=95.25
        )


class FakeGate(Gate):
    """The shipped policies; refusals are kept in a list."""

    def __init__(self) -> None:
        super().__init__(ActivePolicy(load(share_folder("policies"))), cast(Any, None), cast(Any, None))
        self.refused: list[tuple[Principal, Permission]] = []

    def require(self, principal: Principal, permission: Permission) -> None:
        decision = decide(self.policy, principal, permission)
        if not decision.permitted:
            self.refused.append((principal, permission))
            raise violation(self.policy, decision)


class House:
    """The services of one small office, and handles to look behind them."""

    def __init__(self, script: Script, **settings: Any) -> None:
        self.clock = FakeClock()
        self.accounts = FakeAccounts(self.clock)
        self.sessions = FakeSessions(self.accounts)
        self.keys = FakeKeys(self.clock)
        self.chat = FakeChat(self.clock, script)
        self.inference = FakeInference()
        self.gate = FakeGate()
        self.services = Services(
            accounts=cast(Any, self.accounts),
            sessions=cast(Any, self.sessions),
            keys=cast(Any, self.keys),
            chat=cast(Any, self.chat),
            completions=cast(Any, None),
            inference=cast(Any, self.inference),
            audit=cast(Any, None),
            gate=self.gate,
            clock=self.clock,
            settings=Settings(data=Path("unused"), **settings),
            setup_token_sha256=hashlib.sha256(SETUP_TOKEN.encode()).hexdigest(),
        )

    def person(self, name: str, *roles: Role) -> tuple[Principal, str]:
        """An account with an open session: its principal and its cookie's token."""
        account = self.accounts.add(name, PASSWORD, frozenset(roles or {Role.MEMBER}))
        token = self.sessions.open_for(account, "127.0.0.1")
        return self.sessions.open[token], token
