"""Answers questions about the whole product, and asks them itself: at the start, by the minute, by the day.

Runs in the supervisor's loop: nothing here waits; every answer comes through a call. What is
found goes to web, which records it; a finding that cannot be recorded is a failure.
"""

import logging
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import msgspec

import appliance
from appliance.config import Settings
from appliance.egress import attestation
from appliance.egress.proving import ProbeResult
from appliance.egress.status import Status
from appliance.errors import N_, NaesilError
from appliance.protocol.control import (
    Answer,
    AskAttest,
    AskModel,
    AskProbe,
    AskStatus,
    PrepareLogKey,
    Question,
    ReplaceLogKey,
    RunningModel,
    UseModel,
    answer_with,
)
from appliance.supervisor.children import Child
from appliance.supervisor.door import Caller
from appliance.supervisor.extractors import Extractors
from appliance.supervisor.findings import Found, Heartbeat, Probed, Signed
from appliance.supervisor.lookaround import LookAround
from appliance.supervisor.questions import OnAnswer, text_of
from appliance.supervisor.selfattack import Secrets, SelfAttack
from appliance.supervisor.spec import Report, RoleName
from appliance.supervisor.starters import Starters
from appliance.supervisor.switch import Switch

HEARTBEAT_S = 60.0
DAY_S = 86_400.0
SETTLED_S = 0.5  # after the door opened, before the first self-attack
RECORD_PATIENCE_S = 10.0
SIGN_PATIENCE_S = 10.0
log = logging.getLogger(__name__)

NOT_RECORDED = N_("The finding could not be recorded in the audit log, so it does not count. Try again.")
NO_NEW_KEY = N_("The sealer did not replace the log's key. Look at the product's output and try again.")
NOT_SIGNED = N_("The sealer did not sign the attestation. Look at the product's output and try again.")


class Staff(Protocol):
    """The supervisor, as far as the desk needs it."""

    @property
    def children(self) -> Mapping[RoleName, Child]: ...
    @property
    def starters(self) -> Starters: ...
    @property
    def stopping(self) -> bool: ...
    @property
    def switch(self) -> Switch: ...
    @property
    def extractors(self) -> Extractors: ...

    def ask(
        self,
        role: RoleName,
        what: str,
        body: msgspec.Raw,
        patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None: ...

    def ask_child(
        self,
        child: Child,
        what: str,
        body: msgspec.Raw,
        patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None: ...

    def ask_web(self, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer) -> None: ...

    def answer_web(self, line: socket.socket, report: Report, /) -> None: ...

    def fold_denials(self) -> None: ...
    def unfold_denials(self, then: Callable[[int], None]) -> None: ...

    def later(self, delay_s: float, act: Callable[[], None]) -> None: ...


OnFinding = Callable[[Any], None]
OnFailure = Callable[[str], None]


class Desk:
    """One per supervisor; holds nothing but what is under way."""

    def __init__(self, staff: Staff, settings: Settings) -> None:
        self._staff = staff
        self._settings = settings
        self._look = LookAround(staff)
        self._waiting_for_probe: list[Callable[[ProbeResult], None]] = []
        self._begun = False

    def begin(self) -> None:
        """Web serves: prove ourselves once now and then every day, and say so every minute."""
        self._staff.later(SETTLED_S, lambda: self.probe("start", _nothing, log.warning))
        if not self._begun:
            self._begun = True
            self._staff.later(HEARTBEAT_S, self._on_minute)
            self._staff.later(DAY_S, self._on_day)

    def on_question(self, question: Question, caller: Caller) -> None:
        """A question from the command line."""
        answer = partial(_say, caller)
        if isinstance(question, AskStatus):
            self._look.status(answer)
        elif isinstance(question, AskProbe):
            self.probe("command line", answer, caller.refuse)
        elif isinstance(question, AskAttest):
            self.attest(answer, caller.refuse)
        elif isinstance(question, AskModel):
            answer(self._running_model())
        elif isinstance(question, UseModel):
            self._staff.switch.use(question.name, partial(_tell_switched, answer, caller.refuse))
        elif isinstance(question, PrepareLogKey):
            self._ask_sealer("prepare-key", question.second, caller)
        elif isinstance(question, ReplaceLogKey):
            self._ask_sealer("replace-key", question.keys, caller)

    def _ask_sealer(self, what: str, value: Any, caller: Caller) -> None:
        """A question about the log's key; its answer goes back as it is, for it holds nothing secret."""

        def answered(answer: msgspec.Raw | None) -> None:
            if answer is None or bytes(answer) == b"null":
                caller.refuse(NO_NEW_KEY)
            else:
                caller.say(Answer(value=answer))

        self._staff.ask("sealer", what, msgspec.Raw(msgspec.json.encode(value)), SIGN_PATIENCE_S, answered)

    def on_web(self, report: Report, line: socket.socket) -> None:
        """A question from a page of the console; the answer goes back over the control line."""

        def answer(value: Any) -> None:
            body = msgspec.Raw(msgspec.json.encode(value))
            self._staff.answer_web(line, Report(request=report.request, body=body))

        def fail(template: str) -> None:
            answer({"error": template})

        if report.ask == "status":
            self._look.status(answer)
        elif report.ask == "probe":
            self.probe("console", answer, fail)
        elif report.ask == "attest":
            self.attest(answer, fail)
        elif report.ask == "extract":
            self._staff.extractors.hand_out(report.request, line)
        elif report.ask == "use-model":
            name = text_of(report.body) or ""
            refuse = partial(_refuse_page, answer)
            self._staff.switch.use(name, partial(_tell_switched, answer, refuse))

    def _running_model(self) -> RunningModel:
        model = self._staff.switch.model
        context = self._staff.switch.context
        return RunningModel(model.model_name, model.model_sha256, context.n_ctx, context.n_ctx_wanted)

    def probe(self, occasion: str, on_done: OnFinding, on_failure: OnFailure) -> None:
        """Attack from inside every process, and record how it ended."""

        def found(result: ProbeResult) -> None:
            self._record(Probed(occasion, result), lambda _: on_done(result), on_failure)

        self._attack(found)

    def attest(self, on_done: OnFinding, on_failure: OnFailure) -> None:
        """Attack, look, state it, have it signed and recorded."""

        def attacked(result: ProbeResult) -> None:
            self._look.status(lambda status: looked(result, status))

        def looked(result: ProbeResult, status: Status) -> None:
            text = attestation.statement(
                datetime.now(UTC), appliance.__version__, _plain(status), _plain(result)
            )
            body = msgspec.Raw(msgspec.json.encode(text))
            self._staff.ask(
                "sealer", "attest", body, SIGN_PATIENCE_S, lambda note: signed(result, status, note)
            )

        def signed(result: ProbeResult, status: Status, answer: msgspec.Raw | None) -> None:
            note = text_of(answer)
            if note is None:
                on_failure(NOT_SIGNED)
                return
            found = Signed(note=note, ok=result.ok, level=status.level)
            self._record(
                found, lambda entry: on_done({"note": note, "ok": result.ok, "entry": entry}), on_failure
            )

        self._attack(attacked)

    def _attack(self, on_done: Callable[[ProbeResult], None]) -> None:
        """One attack at a time: who asks during one gets its result."""
        self._waiting_for_probe.append(on_done)
        if len(self._waiting_for_probe) == 1:
            roles: list[RoleName] = [*self._staff.children, "supervisor"]
            SelfAttack(self._staff, roles, self._secrets, self._on_attacked)

    def _on_attacked(self, result: ProbeResult) -> None:
        waiting, self._waiting_for_probe = self._waiting_for_probe, []
        if self._staff.stopping:
            return  # processes that end on request look like processes that were lost
        for leak in result.leaks:
            log.error("LEAK: %s got out of %s", leak.technique, leak.process)
        for on_done in waiting:
            on_done(result)

    def _record(self, found: Found, on_done: OnFinding, on_failure: OnFailure) -> None:
        def recorded(answer: msgspec.Raw | None) -> None:
            entry = text_of(answer)
            if entry is None:
                on_failure(NOT_RECORDED)
            else:
                on_done(entry)

        body = msgspec.Raw(msgspec.json.encode(found))
        self._staff.ask_web("record", body, RECORD_PATIENCE_S, recorded)

    def _on_minute(self) -> None:
        self._staff.later(HEARTBEAT_S, self._on_minute)
        self._look.status(lambda status: self._record(Heartbeat(status), _nothing, log.warning))

    def _on_day(self) -> None:
        self._staff.later(DAY_S, self._on_day)
        self.probe("daily", _nothing, log.warning)

    @property
    def _secrets(self) -> Secrets:
        """They are there, though not for us to see."""
        keys = self._settings.keys_folder
        named = {"root_key": keys / "root.key", "log_key": keys / "log.key"}
        if self._settings.tls_key is not None:
            named["tls_key"] = self._settings.tls_key
        if self._settings.database_file is not None:
            named["database"] = self._settings.database_file
        return Secrets({name: str(path) for name, path in named.items()})


def _say(caller: Caller, value: Any) -> None:
    caller.say(answer_with(value))


def _plain(value: msgspec.Struct) -> dict[str, Any]:
    """As JSON has it."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def _nothing(_value: Any) -> None:
    """Nobody waits for this one."""


def _tell_switched(answer: OnFinding, refuse: Callable[..., None], error: NaesilError | None) -> None:
    if error is None:
        answer(True)
    else:
        refuse(error.template, **{name: str(value) for name, value in error.params.items()})


def _refuse_page(answer: OnFinding, template: str, **params: str) -> None:
    answer({"error": template, "params": params})
