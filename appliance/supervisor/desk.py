"""Answers questions about the whole product: collects what each process and the kernel say.

Runs in the supervisor's loop: nothing here waits; every answer comes through a call.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from appliance.egress import facts
from appliance.egress.facts import Facts
from appliance.egress.status import ProcessStatus, Status, process_status, product_status
from appliance.protocol.control import AskStatus, Question, answer_with
from appliance.supervisor.children import Child
from appliance.supervisor.door import Caller
from appliance.supervisor.questions import OnAnswer
from appliance.supervisor.spec import RoleName

FACTS_PATIENCE_S = 2.0
NOTHING = msgspec.Raw(b"null")


class Staff(Protocol):
    """The supervisor, as far as the desk needs it."""

    @property
    def children(self) -> Mapping[RoleName, Child]: ...

    def ask(
        self, role: RoleName, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer
    ) -> None: ...


class Desk:
    """One per supervisor; holds nothing but what is under way."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def on_question(self, question: Question, caller: Caller) -> None:
        """A question from the door."""
        if isinstance(question, AskStatus):
            self.status(lambda status: caller.say(answer_with(status)))

    def status(self, on_status: Callable[[Status], None]) -> None:
        """The live truth about every process, ours included."""
        gathered: dict[RoleName, Facts | None] = {}
        roles = list(self._staff.children)

        def on_facts(role: RoleName, body: msgspec.Raw | None) -> None:
            gathered[role] = _facts(body)
            if len(gathered) == len(roles):
                on_status(product_status([_supervisor(), *self._seen(gathered)]))

        if not roles:
            on_status(product_status([_supervisor()]))
        for role in roles:
            self._staff.ask(role, "facts", NOTHING, FACTS_PATIENCE_S, partial(on_facts, role))

    def _seen(self, gathered: Mapping[RoleName, Facts | None]) -> list[ProcessStatus]:
        seen = []
        for role, inside in gathered.items():
            child = self._staff.children.get(role)
            if child is None:
                continue  # it ended meanwhile
            try:
                outside = facts.read(child.process.pid)
            except (FileNotFoundError, ProcessLookupError):
                continue
            seen.append(process_status(role, facts.completed(outside, inside), _claims(child.guard)))
        return seen


def _supervisor() -> ProcessStatus:
    return process_status("supervisor", facts.read_own(), {})


def _facts(body: msgspec.Raw | None) -> Facts | None:
    """A process's answer; None for none, and for nonsense, which a taken-over one may say."""
    try:
        return None if body is None else msgspec.json.decode(body, type=Facts | None)
    except msgspec.DecodeError:
        return None


def _claims(detail: str) -> dict[str, Any]:
    """The guard's own report at the start."""
    claims: dict[str, Any] = json.loads(detail) if detail else {}
    return claims
