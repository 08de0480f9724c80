"""A small office behind the pages: everything is real but the model, which follows a script."""

import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import text

from appliance.admin.auditing import auditors
from appliance.admin.erasure import Erasure
from appliance.admin.policies import Policies
from appliance.admin.records import Records
from appliance.admin.reports import Reports
from appliance.admin.retention import RetentionJob
from appliance.audit import oversight
from appliance.audit.entry import Leaf
from appliance.audit.log import AuditLog
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.comparing import Comparing
from appliance.chat.library import Library
from appliance.chat.prompts import Prompts
from appliance.chat.service import Chat
from appliance.chat.temporary import Temporary
from appliance.chat.transcript import Transcript
from appliance.chat.values import Conversation
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
from appliance.errors import NaesilError
from appliance.extractor import process
from appliance.http import view
from appliance.http.app import create_app
from appliance.http.services import Services
from appliance.i18n import translator
from appliance.identity import house as identity
from appliance.identity import passwords
from appliance.identity.keys import ApiKey
from appliance.inference.models import Models
from appliance.inference.registry import ModelFile
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.policy.gate import Gate
from appliance.policy.revisions import Revisions
from appliance.protocol.extraction import Extract, Extracted, Reading, Refused
from appliance.protocol.messages import Generate, Hello, Stats, StreamEvent
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from appliance.tlog.note import Signer
from tests.fakes import FakeClock

SETUP_TOKEN = "one-time-token"
PASSWORD = "느티나무 아래 세 번째 의자"
Script = Callable[[str], AsyncIterator[StreamEvent]]


class FakeInference:
    """A small model that tells a script of events about the last question."""

    model = Hello(
        model_name="small", model_sha256="5a" * 32, licence="apache-2.0", quantization="Q4_0", n_ctx=2048,
        n_params=135_000_000, size_bytes=90_000_000, slots=16, n_ctx_wanted=8192,
    )  # fmt: skip

    awaited: Hello | None = None

    def __init__(self, script: Script) -> None:
        self.script = script
        self.forgotten: list[str] = []
        self.asked: list[Generate] = []

    async def generate(
        self,
        request: Generate,
        *,
        whole: bool = False,  # noqa: ARG002 - the client's signature
    ) -> AsyncGenerator[StreamEvent, None]:
        self.asked.append(request)
        async for event in self.script(request.turns[-1].content):
            yield event

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """A token for each two characters."""
        return (0,) * (len(text) // 2)

    def forget(self, cache_scope: str) -> None:
        self.forgotten.append(cache_scope)

    async def stats(self) -> Stats:
        return Stats(
            id="", running=3, waiting=2, slots=16, prompt_tokens_per_s=812.5, generated_tokens_per_s=95.25
        )


async def read_here(name: str, data: bytes) -> Extracted | Refused:
    """What an extractor would say, in this process: the reading is real, the jail is not there."""
    *_, last = process.read(Extract(name, data))
    assert not isinstance(last, Reading)
    return last


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

    All is real over a database of its own, but the model: a script tells its answers.
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
        self.audit = AuditLog(
            self.vault,
            self.clock,
            "00000000-0000-7000-8000-000000000002",
            lambda: auditors(self.policy.current),
        )
        self.inference = FakeInference(script)
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
        inference = cast(Any, self.inference)
        self.completions = Completions(self.database, self.audit, inference, self.policy, self.clock)
        transcript = Transcript(self.vault, self.clock)
        self.assistants = Assistants(self.database, self.vault, self.audit, self.clock, self.policy)
        self.prompts = Prompts(self.database, self.vault, self.audit, self.clock)
        self.temporary = Temporary(self.completions, inference, self.clock)
        self.attachments = Attachments(
            self.database, self.vault, self.audit, self.clock, self.policy, inference, read_here
        )
        self.chat = Chat(
            self.database, transcript, self.completions, inference, self.assistants, self.attachments
        )
        self.library = Library(self.database, transcript, self.audit, self.clock, lambda: self.chat.running)
        retention = RetentionJob(
            self.database, self.audit, self.clock, self.identity, self.library, self.policy
        )
        models = Models(self.settings, self.database, self.audit, self.clock, self._switch)
        self.services = Services(
            models=models,
            identity=self.identity,
            chat=self.chat,
            comparing=Comparing(self.chat, models, inference),
            library=self.library,
            assistants=self.assistants,
            attachments=self.attachments,
            prompts=self.prompts,
            temporary=self.temporary,
            erasure=Erasure(self.database, self.audit, self.clock, self.accounts, self.library),
            records=Records(
                self.database,
                self.audit,
                self.identity,
                self.library,
                self.assistants,
                self.prompts,
                self.attachments,
            ),
            completions=self.completions,
            inference=inference,
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
            retention=retention,
            reports=Reports(self.database, self.clock, retention, self.settings.run_folder),
            clock=self.clock,
            settings=self.settings,
            setup_token_sha256=hashlib.sha256(SETUP_TOKEN.encode()).hexdigest(),
            proving=self.proving,
            attestations=self.proving.attestations,
        )

    @cached_property
    def site(self) -> FastAPI:
        """The application that everybody's browser reaches."""
        return application(self.services)

    def _switch(self, model: ModelFile) -> None:
        if self.switch_failure is not None:
            raise self.switch_failure
        self.switched.append(model.name)
        self.inference.model = msgspec.structs.replace(self.inference.model, model_name=model.name)

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

    def conversations(self, name: str) -> list[Conversation]:
        """What this person can open, the one used last first."""
        principal = self.principal(name)
        return [self.library.open(principal, one.id) for one in self.library.list(principal)]

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


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Hashes that cost next to nothing, for tests of other things; what they cost is tests/identity's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


def application(services: Services) -> FastAPI:
    """Everything over these services. Templates and catalogues do not change: read once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "Compiled", _compiled)
        patch.setattr(view, "translator", _translator)
        return create_app(services)


_compiled, _translator = cache(view.Compiled), cache(translator)


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
