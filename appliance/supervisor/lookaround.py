"""The live truth about every process: each looks at itself, and its launcher looks at it from outside."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from appliance.egress import facts
from appliance.egress.facts import Facts
from appliance.egress.sockets import OpenSocket, known_in, recognised
from appliance.egress.status import ProcessStatus, Status, process_status, product_status
from appliance.protocol.framing import NONSENSE
from appliance.supervisor.children import Child
from appliance.supervisor.launching import Gone
from appliance.supervisor.questions import OnAnswer
from appliance.supervisor.spec import RoleName
from appliance.supervisor.starters import Starters

PATIENCE_S = 2.0
NOTHING = msgspec.Raw(b"null")
OWN_TABLES = Path("/proc/self/net")  # the pairs that we made are there


class Transient(Protocol):
    """Whoever knows the processes that come or go just now: a model that loads, one that is let
    go, an extractor that reads a file."""

    @property
    def children(self) -> list[Child]: ...


class Staff(Protocol):
    """The supervisor, as far as looking needs it."""

    @property
    def children(self) -> Mapping[RoleName, Child]: ...
    @property
    def switch(self) -> Transient: ...
    @property
    def extractors(self) -> Transient: ...
    @property
    def starters(self) -> Starters: ...

    def ask_child(
        self, child: Child, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer
    ) -> None: ...


class LookAround:
    """Stateless but for the looks under way."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff

    def status(self, on_status: Callable[[Status], None]) -> None:
        """Every process, ours included. `on_status` is called once, by the loop."""
        others = [*self._staff.switch.children, *self._staff.extractors.children]
        everybody = [*self._staff.children.values(), *others]
        gathered: dict[int, tuple[Child, Facts] | None] = {}

        def on_facts(number: int, child: Child, body: msgspec.Raw | None) -> None:
            gathered[number] = self._seen(child, _facts(body))
            if len(gathered) == len(everybody):
                seen = [gathered[at] for at in range(len(everybody))]
                self._name_sockets([one for one in seen if one is not None], on_status)

        if not everybody:
            self._name_sockets([], on_status)
        for number, child in enumerate(everybody):
            self._staff.ask_child(child, "facts", NOTHING, PATIENCE_S, partial(on_facts, number, child))

    def _seen(self, child: Child, inside: Facts | None) -> tuple[Child, Facts] | None:
        """A process from outside and inside; None when it ended meanwhile."""
        outside = child.process.look()
        host = self._staff.starters.host
        return None if outside is None else (child, facts.completed(outside, inside, host))

    def _name_sockets(
        self, children: Sequence[tuple[Child, Facts]], on_status: Callable[[Status], None]
    ) -> None:
        """The machine's tables tell who is at the other end; only the post is where they can be read."""
        starters = self._staff.starters
        seen = [_Seen(child.role, one, child.guard) for child, one in children]
        for name, starter in starters.named():
            with suppress(Gone):  # the product is about to end for it
                seen.append(_Seen(name, *starter.itself()))
        seen.append(_Seen("supervisor", facts.read_own(starters.host), starters.guard))

        def finish(body: msgspec.Raw | None) -> None:
            known = [*known_in(OWN_TABLES), *_known(body)]
            *processes, ourselves = [one.status(known) for one in seen]
            on_status(product_status(processes, ourselves))

        post = self._staff.children.get("post")
        inodes = [sock.inode for one in seen for sock in one.facts.sockets or () if sock.kind == "other"]
        if post is None:
            finish(None)
        else:
            body = msgspec.Raw(msgspec.json.encode(inodes))
            self._staff.ask_child(post, "name-sockets", body, PATIENCE_S, finish)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One process, and what its guard said at the start."""

    role: RoleName
    facts: Facts
    guard: str

    def status(self, known: Sequence[OpenSocket]) -> ProcessStatus:
        return process_status(self.role, _named(self.facts, known), claims_of(self.guard))


def _named(one: Facts, known: Sequence[OpenSocket]) -> Facts:
    if one.sockets is None:
        return one
    return msgspec.structs.replace(one, sockets=recognised(one.sockets, known))


def _known(body: msgspec.Raw | None) -> list[OpenSocket]:
    try:
        return [] if body is None else msgspec.json.decode(body, type=list[OpenSocket] | None) or []
    except NONSENSE:
        return []


def _facts(body: msgspec.Raw | None) -> Facts | None:
    """A process's answer; None for none, and for nonsense, which a taken-over one may say."""
    try:
        return None if body is None else msgspec.json.decode(body, type=Facts | None)
    except NONSENSE:
        return None


def claims_of(detail: str) -> dict[str, Any]:
    """The guard's own report at the start."""
    claims: dict[str, Any] = json.loads(detail) if detail else {}
    return claims
