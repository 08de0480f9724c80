"""The live truth about every process: each looks at itself, and we look at it from outside."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from appliance.egress import facts
from appliance.egress.facts import Facts
from appliance.egress.status import ProcessStatus, Status, process_status, product_status
from appliance.supervisor.children import Child
from appliance.supervisor.questions import OnAnswer
from appliance.supervisor.spec import RoleName

PATIENCE_S = 2.0
NOTHING = msgspec.Raw(b"null")


class Staff(Protocol):
    """The supervisor, as far as looking needs it."""

    @property
    def children(self) -> Mapping[RoleName, Child]: ...

    def ask(
        self, role: RoleName, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer
    ) -> None: ...


class LookAround:
    """Stateless but for the looks under way."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def status(self, on_status: Callable[[Status], None]) -> None:
        """Every process, ours included. `on_status` is called once, by the loop."""
        gathered: dict[RoleName, Facts | None] = {}
        roles = list(self._staff.children)

        def on_facts(role: RoleName, body: msgspec.Raw | None) -> None:
            gathered[role] = _facts(body)
            if len(gathered) == len(roles):
                on_status(product_status(self._seen(gathered), _supervisor()))

        if not roles:
            on_status(product_status([], _supervisor()))
        for role in roles:
            self._staff.ask(role, "facts", NOTHING, PATIENCE_S, partial(on_facts, role))

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
