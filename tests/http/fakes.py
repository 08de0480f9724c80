"""A small office behind the pages: real accounts, sessions and keys; conversations from a script."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from sqlalchemy import text

from appliance.admin.erasure import Erasure
from appliance.admin.policies import Policies
from appliance.admin.records import Records
from appliance.audit import oversight
from appliance.audit.entry import Leaf
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.chat.running import RunningAnswer
from appliance.chat.titles import title_from
from appliance.chat.values import UNDECIDED, Choice, Conversation, ConversationSummary, Message, Sent
from appliance.clock import Clock
from appliance.completions.pipeline import Completions
from appliance.config import Settings, share_folder
from appliance.core import SYSTEM, Principal, Role
from appliance.egress import attestation
from appliance.egress.facts import Facts
from appliance.egress.probe import Outcome
from appliance.egress.proving import Attestations, Attested, LastProbe, ProbeResult, ProbeRow
from appliance.egress.sealer import LocalSealer
from appliance.egress.sockets import OpenSocket
from appliance.egress.status import ProcessStatus, Status, Wall
from appliance.errors import InvalidInput, NaesilError, NotFound, PolicyViolation
from appliance.http.services import Services
from appliance.identity import house as identity
from appliance.identity.keys import ApiKey
from appliance.ids import new_id
from appliance.inference.models import Models
from appliance.inference.registry import ModelFile
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.policy.gate import Gate
from appliance.policy.revisions import Revisions
from appliance.protocol.messages import Failed, Finished, Stats, StreamEvent, Token
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from appliance.tlog.note import Signer
from tests.fakes import FakeClock

SETUP_TOKEN = "one-time-token"
PASSWORD = "느티나무 아래 세 번째 의자"
Script = Callable[[str], AsyncIterator[StreamEvent]]


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
        self.choices: list[Choice] = []

    def list(self, principal: Principal) -> list[ConversationSummary]:
        mine = [(key, talk) for key, talk in self.talks.items() if talk.owner == principal.user_id]
        return [ConversationSummary(key, talk.title, self.clock.now()) for key, talk in reversed(mine)]

    def open(self, principal: Principal, conversation_id: str) -> Conversation:
        talk = self._mine(principal, conversation_id)
        return Conversation(conversation_id, talk.title, tuple(talk.messages))

    async def quiet(self, user_id: str) -> None:
        for running in [*self.running.values()]:
            if self.talks[running.conversation_id].owner == user_id and running.task is not None:
                running.task.cancel()
                await asyncio.wait([running.task])

    def remove_everything_in(self, _session: object, user_id: str) -> tuple[int, int]:
        gone = [key for key, talk in self.talks.items() if talk.owner == user_id]
        return len(gone), sum(len(self.talks.pop(key).messages) for key in gone)

    async def send(
        self, principal: Principal, conversation_id: str | None, text: str, client_id: str, request_id: str,
        choice: Choice = UNDECIDED,
    ) -> Sent:  # fmt: skip
        assert request_id
        if (at := text.find("010-")) >= 0 and not choice.way:  # a rule that asks about telephone numbers
            raise PolicyViolation(
                "This was held back.", rules=("P-7",), spans=((at, at + 13),),
                offers=frozenset({"masked", "as_is"}),
            )  # fmt: skip
        self.choices.append(choice)
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
        model_name="small",
        model_sha256="5a" * 32,
        licence="apache-2.0",
        quantization="Q4_0",
        n_ctx=2048,
        n_ctx_wanted=8192,
    )

    async def stats(self) -> Stats:
        return Stats(
            id="", running=3, waiting=2, slots=16, prompt_tokens_per_s=812.5, generated_tokens_per_s=95.25
        )


class FakeProving:
    """A guard that holds, but for one row when `leaking`; `note` is what it would have signed."""

    def __init__(self, attestations: Attestations) -> None:
        self.attestations = attestations
        self.last: LastProbe | None = None
        self.leaking = False
        self.asked_by: list[str] = []

    async def status(self) -> Status:
        calls = Wall("system calls", True, "Seccomp 2, filters 1")
        facts = Facts(
            pid=7, threads=3, user=1000, seccomp_mode=2, seccomp_filters=1, no_new_privs=True,
            capabilities="0" * 16, bounding="0" * 16, core_limit=0,
            sockets=(OpenSocket("listening", "tcp", "127.0.0.1:8080", "0.0.0.0:0"),),
        )  # fmt: skip
        web = ProcessStatus(process="web", pid=7, level="kernel", walls=(calls,), facts=facts)
        return Status(level="kernel", processes=(web,), supervisor=web)

    async def probe(self, asked_by: Principal) -> ProbeResult:
        self.asked_by.append(asked_by.user_id)
        outcome: Outcome = "LEAKED" if self.leaking else "blocked"
        rows = (ProbeRow("web", "tcp_connect", "system calls", outcome),)
        result = ProbeResult(ok=not self.leaking, rows=rows, void=(), heard=())
        self.last = LastProbe(datetime(2026, 3, 2, 9, tzinfo=UTC), result)
        return result

    async def attest(self, asked_by: Principal) -> Attested:
        result = await self.probe(asked_by)
        text = attestation.statement(
            datetime(2026, 3, 2, 9, tzinfo=UTC), "0", msgspec.to_builtins(await self.status()),
            msgspec.to_builtins(result),
        )  # fmt: skip
        note = Signer("naesil.log/test", bytes(32)).sign(text)
        self.attestations.keep(note)
        return Attested(note, result.ok, "entry")


class House:
    """The services of one small office, and handles to look behind them.

    Who is who is real, over a database of its own; the conversations are told by a script.
    """

    def __init__(self, script: Script, **settings: Any) -> None:
        self.clock = FakeClock()
        self._folder = tempfile.TemporaryDirectory(prefix="naesil-house-", ignore_cleanup_errors=True)
        data = Path(self._folder.name)
        (data / "naesil.db").write_bytes(_migrated())
        (data / "keys").mkdir(mode=0o700)
        self.settings = Settings(data=data, **settings)
        self.database = Database(self.settings.database_address)
        self.vault = Vault(bytes(32), self.clock)
        self.audit = AuditLog(self.vault, self.clock, boot_id="00000000-0000-7000-8000-000000000002")
        self.chat = FakeChat(self.clock, script)
        self.inference = FakeInference()
        self.proving = FakeProving(Attestations(self.settings.attestations_folder))
        self.policy = ActivePolicy(load(share_folder("policies")))
        self.identity = identity.build(self.database, self.vault, self.audit, self.clock, self.policy)
        self.accounts, self.sessions = self.identity.accounts, self.identity.sessions
        self.gate = Gate(self.policy, self.database, self.audit)
        self.switched: list[str] = []
        self.switch_failure: NaesilError | None = None
        revisions = Revisions(self.database, self.audit, self.clock, self.policy)
        revisions.open(self.settings)
        self.policies = Policies(self.database, self.audit, self.clock, self.identity, revisions, self.policy)
        self.services = Services(
            models=Models(self.settings, self.database, self.audit, self.clock, self._switch),
            identity=self.identity,
            chat=cast(Any, self.chat),
            erasure=Erasure(self.database, self.audit, self.clock, self.accounts, cast(Any, self.chat)),
            records=Records(self.database, self.audit, self.identity, cast(Any, self.chat)),
            completions=Completions(
                self.database, self.audit, cast(Any, self.inference), self.policy, self.clock
            ),
            inference=cast(Any, self.inference),
            audit=self.audit,
            oversight=oversight.build(
                self.database,
                self.audit,
                self.clock,
                data / "exports",
                lambda: LocalSealer(self.settings.keys_folder).head(),
                self.seal,
            ),
            gate=self.gate,
            policies=self.policies,
            clock=self.clock,
            settings=self.settings,
            setup_token_sha256=hashlib.sha256(SETUP_TOKEN.encode()).hexdigest(),
            proving=self.proving,
            attestations=self.proving.attestations,
        )

    def _switch(self, model: ModelFile) -> None:
        if self.switch_failure is not None:
            raise self.switch_failure
        self.switched.append(model.name)

    def person(self, name: str, *roles: str) -> tuple[Principal, str]:
        """An account with an open session: its principal and its cookie's token."""
        account = self.accounts.create(SYSTEM, name, PASSWORD, frozenset(roles or {Role.MEMBER}))
        token = self.identity.door.open_for(account, "127.0.0.1")
        principal = self.sessions.authenticate(token, "127.0.0.1")
        assert principal is not None
        return principal, token

    def again(self, name: str) -> str:
        """Another session's cookie for somebody who is here already."""
        return self.identity.door.open_for(self.accounts.find(name), "127.0.0.1")

    def principal(self, name: str) -> Principal:
        """The person of that name, as in a browser session."""
        account = self.accounts.find(name)
        return Principal(account.id, "user", roles=account.roles)

    def keys_of(self, name: str) -> list[ApiKey]:
        return self.identity.keys.list(self.accounts.find(name).id)

    def seal(self) -> None:
        """What the sequencer's thread does in the product."""
        Sequencer(self.database, LocalSealer(self.settings.keys_folder)).run_once()

    def recorded(self) -> list[Leaf]:
        """What is in the log by now."""
        self.seal()
        return entries(self.database, 0, 100_000)

    def close(self) -> None:
        self.database.close()
        self._folder.cleanup()


@cache
def _migrated() -> bytes:
    """A database at the newest schema, made once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "naesil.db"
        database = Database(f"sqlite:///{file}")
        migrate.upgrade(database)
        with database.read() as session:
            session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        database.close()
        return file.read_bytes()
