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


class Transient(Protocol):
    """Whoever knows the processes that come or go just now: a model that loads, one that is let go."""

    @property
    def children(self) -> list[Child]: ...


class Staff(Protocol):
    """The supervisor, as far as looking needs it."""

    @property
    def children(self) -> Mapping[RoleName, Child]: ...
    @property
    def switch(self) -> Transient: ...

    def ask_child(
        self, child: Child, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer
    ) -> None: ...


class LookAround:
    """Stateless but for the looks under way."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def status(self, on_status: Callable[[Status], None]) -> None:
        """Every process, ours included. `on_status` is called once, by the loop."""
        everybody = [*self._staff.children.values(), *self._staff.switch.children]
        gathered: dict[int, ProcessStatus | None] = {}

        def on_facts(number: int, child: Child, body: msgspec.Raw | None) -> None:
            gathered[number] = _seen(child, _facts(body))
            if len(gathered) == len(everybody):
                seen = [gathered[at] for at in range(len(everybody))]
                on_status(product_status([one for one in seen if one is not None], _supervisor()))

        if not everybody:
            on_status(product_status([], _supervisor()))
        for number, child in enumerate(everybody):
            self._staff.ask_child(child, "facts", NOTHING, PATIENCE_S, partial(on_facts, number, child))


def _seen(child: Child, inside: Facts | None) -> ProcessStatus | None:
    """A process from outside and inside; None when it ended meanwhile."""
    try:
        outside = facts.read(child.process.pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return process_status(child.role, facts.completed(outside, inside), _claims(child.guard))


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
