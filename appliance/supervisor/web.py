"""The web process: its services wired together, its line to the supervisor, its server.

The order of the start matters: database and log first, then what an earlier process left
unfinished, then the door opens. At the end the same backwards: the door closes, running
answers are stopped and recorded, the last entries are sealed.
"""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import uvicorn
from fastapi import FastAPI

from appliance.admin.auditing import auditors, plan, receiver, thresholds, witnesses
from appliance.admin.erasure import Erasure
from appliance.admin.policies import Policies
from appliance.admin.records import Records
from appliance.admin.reports import Reports
from appliance.admin.retention import RetentionJob
from appliance.audit import oversight
from appliance.audit.actions import AuditAction
from appliance.audit.cosigning import Cosigning
from appliance.audit.entry import Entry
from appliance.audit.forward import Forwarder
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import SequencerThread
from appliance.audit.vigil import Vigil
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.comparing import Comparing
from appliance.chat.library import Library
from appliance.chat.prompts import Prompts
from appliance.chat.service import Chat
from appliance.chat.temporary import Temporary
from appliance.chat.transcript import Transcript
from appliance.clock import Clock, SystemClock
from appliance.completions.pipeline import Completions
from appliance.config import Settings, Source
from appliance.core import SYSTEM, Outcome
from appliance.egress.proving import Attestations
from appliance.egress.sealer import SealerClient
from appliance.errors import N_, NaesilError, StorageFailed
from appliance.http.app import create_app
from appliance.http.services import Services
from appliance.http.view import View
from appliance.http.warming import warm
from appliance.identity import house as identity
from appliance.ids import new_id
from appliance.inference.client import InferenceClient
from appliance.inference.models import Models
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load_active
from appliance.policy.gate import Gate
from appliance.policy.revisions import Revisions
from appliance.protocol.sealing import Head
from appliance.storage import recorded
from appliance.storage.address import shown
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from appliance.supervisor.control import Control
from appliance.supervisor.journal import EgressJournal
from appliance.supervisor.modeldesk import ModelDesk
from appliance.supervisor.proofs import Proofs
from appliance.supervisor.reading import ReadingRoom
from appliance.supervisor.spec import ChildSpec, Report

log = logging.getLogger(__name__)

GRACE_S = 15
POLICY_EVERY_S = 0.4
RETENTION_EVERY_S = 3600.0
EXPORTS_EVERY_S = 60.0
KEEP_ALIVE_S = 75
VIGIL_S = 1.0
FORWARDER = "127.0.0.1"


def main(spec: ChildSpec, control_socket: socket.socket) -> None:
    """Serve until SIGTERM. Raises NaesilError when the data cannot be used."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the server sets its own and raises ours again at its end
    web = build(spec, SystemClock())
    asyncio.run(web.run(Control(control_socket)))


class SealerLine:
    """The sealer for services that are built before its socket has come."""

    def __init__(self) -> None:
        self._client: SealerClient | None = None

    def connect(self, sock: socket.socket) -> SealerClient:
        self._client = SealerClient(sock)
        return self._client

    def head(self) -> Head:
        """The last signed head. StorageFailed while there is no sealer."""
        if self._client is None:
            raise StorageFailed(N_("The audit log is not being sealed yet. Try again in a moment."))
        return self._client.head()


@dataclass(frozen=True, slots=True)
class Web:
    """Everything the web process is made of."""

    spec: ChildSpec
    clock: Clock
    database: Database
    audit: AuditLog
    inference: InferenceClient
    chat: Chat
    services: Services
    journal: EgressJournal
    proofs: Proofs
    sealer: SealerLine
    forwarder: Forwarder
    reading: ReadingRoom
    cosigning: Cosigning

    async def run(self, control: Control) -> None:
        """Open the door, serve, close the door, and leave the log sealed."""
        app = create_app(self.services)
        warming = asyncio.create_task(asyncio.to_thread(_warm, app.state.view, self.clock))
        sealer = self.sealer.connect(await control.first_sealer())
        sequencer = SequencerThread(self.database, sealer, self.spec.settings.run_folder)
        self.chat.recover()
        self._record(AuditAction.SERVICE_STARTED)
        vigil = Vigil(self.database, self.audit, self.clock)
        vigil.start(_chosen(self.spec.settings))
        sequencer.start()
        services = self.services
        later = services.library.empty_bin, services.attachments.remove_stale
        work = vigil.look, services.completions.settle_owed, *later
        watching = asyncio.create_task(_watch(work))
        self.proofs.use(control)
        self.reading.use(control)
        listening = asyncio.create_task(self._listen_to(control, sealer))
        following = asyncio.create_task(self._follow_policies())
        destroying = asyncio.create_task(self._keep_retention())
        exporting = asyncio.create_task(self._keep_exports())
        self.forwarder.start()
        self.cosigning.start()
        try:
            await warming
            control.say(Report(ready=True, setup=not self.services.accounts.any_administrator()))
            await self._server(app).serve(sockets=[socket.socket(fileno=self.spec.listen)])
        finally:
            listening.cancel()
            watching.cancel()
            following.cancel()
            destroying.cancel()
            exporting.cancel()
            await asyncio.gather(*(asyncio.to_thread(one.stop) for one in (self.forwarder, self.cosigning)))
            await self.services.comparing.close()
            await self.chat.close()
            await self.services.temporary.close()
            await self.inference.close()
            await self.journal.close()
            self._record_the_end()
            sequencer.stop()
            self.database.close()

    def _record_the_end(self) -> None:
        """The last entries; without a database the next start settles what was admitted."""
        try:
            self.services.completions.settle_owed()
            self._record(AuditAction.SERVICE_STOPPED)
        except NaesilError as error:
            log.error("the end could not be recorded: %s", error)

    async def _listen_to(self, control: Control, sealer: SealerClient) -> None:
        tasks: set[asyncio.Task[None]] = set()  # held, or they could be collected while they run
        async for report, sock in control.reports():
            if report.attach == "runtime" and sock is not None:
                await (self.inference.switch(sock) if report.switched else self.inference.attach(sock))
            elif report.attach == "sealer" and sock is not None:
                sealer.attach(sock)
            elif report.process == "extractor" and report.request:
                self.reading.on_report(report, sock)
            elif report.restarted:
                self.journal.record(_system(AuditAction.RUNTIME_RESTARTED, f"process:{report.process}"))
            elif report.ask == "alive":
                control.say(Report(request=report.request, body=msgspec.Raw(b"true")))
            elif report.request:
                recording = asyncio.create_task(self.proofs.on_report(report))
                tasks.add(recording)
                recording.add_done_callback(tasks.discard)
            elif report.event is not None:
                self.journal.add(report.event)
            elif report.guard:
                self.journal.record(
                    _system(AuditAction.GUARD_LEVEL, f"process:{report.process}", report.guard)
                )

    async def _keep_retention(self) -> None:
        """What is past its date goes within the hour."""
        while True:
            await asyncio.sleep(RETENTION_EVERY_S)
            try:
                await asyncio.to_thread(self.services.retention.run_if_due, SYSTEM)
                await asyncio.to_thread(self.services.retention.drop_sealed, SYSTEM)
            except NaesilError as error:
                log.error("retention could not run: %s", error)  # tried again in an hour

    async def _keep_exports(self) -> None:
        """The exports that audit.yaml asks for, each within a minute of its time."""
        while True:
            await asyncio.sleep(EXPORTS_EVERY_S)
            try:
                await asyncio.to_thread(
                    self.services.oversight.scheduled.run_if_due, plan(self.services.gate.policy)
                )
            except NaesilError as error:
                log.error("the scheduled export could not be made: %s", error)  # tried again in a minute

    async def _follow_policies(self) -> None:
        """Activations by others and at set times reach every request within a second."""
        failing = False
        while True:
            await asyncio.sleep(POLICY_EVERY_S)
            try:
                await asyncio.to_thread(self.services.policies.follow)
                failing = False
            except NaesilError as error:
                if not failing:  # said once per trouble; tried again in a moment
                    log.error("policies could not be followed: %s", error)
                failing = True

    def _server(self, app: FastAPI) -> uvicorn.Server:
        settings = self.spec.settings
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="off",
            ws="none",
            proxy_headers=settings.behind_proxy,
            forwarded_allow_ips=FORWARDER,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
        return uvicorn.Server(config)

    def _record(self, action: AuditAction) -> None:
        with self.database.write() as session:
            self.audit.append(session, _system(action))


def _system(action: AuditAction, what: str = "service", guard_level: str = "") -> Entry:
    return Entry(action=action, actor=SYSTEM, outcome=Outcome.ALLOWED, object=what, guard_level=guard_level)


def _warm(view: View, clock: Clock) -> None:
    """While the others start: no reader waits for what is made once, and what is here by now is never looked
    through for garbage again.
    """
    warm(view, clock.now())
    gc.collect()
    gc.freeze()


async def _watch(work: Sequence[Callable[[], object]]) -> None:
    """Clock, debts to the log, bin, files nobody sent: what cannot be done now is done a second later."""
    while True:
        await asyncio.sleep(VIGIL_S)
        for one in work:
            try:
                await asyncio.to_thread(one)
            except StorageFailed:
                break  # the sequencer says so already
            except NaesilError as error:
                log.error("%s failed: %s", one.__name__, error)


def _chosen(settings: Settings) -> dict[str, str]:
    """Every setting that somebody chose, with where; a database's password left out."""
    values = {name: getattr(settings, name) for name in settings.sources}
    values["database_url"] = shown(settings.database_url)
    chosen = {name for name, source in settings.sources.items() if source is not Source.DEFAULT}
    return {name: f"{values[name]} ({settings.sources[name]})" for name in chosen}


def build(spec: ChildSpec, clock: Clock) -> Web:
    """The services over the data folder; the database is brought up to date first."""
    settings = spec.settings
    database = Database(settings.database_address)
    if not recorded.is_current(database):
        from appliance.storage import migrate  # noqa: PLC0415 - heavy, and hardly ever needed

        migrate.upgrade(database)
    vault = Vault.open(settings.keys_folder, clock)
    with database.read() as session:
        vault.check(session)
    policy = ActivePolicy(load_active(settings))
    audit = AuditLog(vault, clock, new_id(), lambda: auditors(policy.current))
    inference = InferenceClient()
    sealer = SealerLine()
    revisions = Revisions(database, audit, clock, policy)
    revisions.open(settings)
    completions = Completions(database, audit, inference, policy, clock)
    transcript = Transcript(vault, clock)
    assistants = Assistants(database, vault, audit, clock, policy)
    prompts = Prompts(database, vault, audit, clock)
    temporary = Temporary(completions, inference, clock)
    reading = ReadingRoom()
    attachments = Attachments(database, vault, audit, clock, policy, inference, reading.read)
    chat = Chat(database, transcript, completions, inference, assistants, attachments)
    library = Library(database, transcript, audit, clock, lambda: chat.running)
    people = identity.build(database, vault, audit, clock, policy)

    def append(entries: list[Entry]) -> None:
        with database.write() as session:
            audit.append_all(session, entries)

    def append_one(entry: Entry) -> str:
        with database.write() as session:
            return audit.append(session, entry)

    forwarder = Forwarder(database, audit, clock, lambda: receiver(policy.current))
    cosigning = Cosigning(database, audit, clock, lambda: witnesses(policy.current))
    journal = EgressJournal(append)
    attestations = Attestations(settings.attestations_folder)
    proofs = Proofs(append_one, attestations, journal.totals)
    retention = RetentionJob(database, audit, clock, people, library, policy)
    models = Models(settings, database, audit, clock, ModelDesk(proofs))
    services = Services(
        models=models,
        identity=people,
        chat=chat,
        comparing=Comparing(chat, models, inference),
        library=library,
        assistants=assistants,
        attachments=attachments,
        prompts=prompts,
        temporary=temporary,
        erasure=Erasure(database, audit, clock, people.accounts, library),
        records=Records(database, audit, people, library, assistants, prompts, attachments),
        completions=completions,
        inference=inference,
        audit=audit,
        oversight=oversight.build(
            database,
            audit,
            clock,
            settings.data / "exports",
            sealer.head,
            limits=lambda: thresholds(policy.current),
        ),
        gate=Gate(policy, database, audit),
        retention=retention,
        reports=Reports(database, clock, retention, settings.run_folder),
        policies=Policies(database, audit, clock, people, revisions, policy),
        clock=clock,
        settings=settings,
        setup_token_sha256=spec.setup_token_sha256,
        proving=proofs,
        attestations=attestations,
    )
    return Web(
        spec,
        clock,
        database,
        audit,
        inference,
        chat,
        services,
        journal,
        proofs,
        sealer,
        forwarder,
        reading,
        cosigning,
    )
