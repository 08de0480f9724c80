"""One self-attack of the whole product: every process tries every technique, the outside listens.

Runs in the supervisor's loop. Each process gets one technique at a time; a process that ends on
the way is asked no more, and what ended it counts as a leak unless it was the filter.
"""

import json
import selectors
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from appliance.egress import seccomp
from appliance.egress.outside import NEED_A_DOOR, Outside
from appliance.egress.probe import TECHNIQUES, Row
from appliance.egress.proving import ProbeResult, ProbeRow
from appliance.supervisor.attend import Attack
from appliance.supervisor.children import Child
from appliance.supervisor.questions import OnAnswer
from appliance.supervisor.spec import RoleName

PATIENCE_S = 10.0
# What is a process's own office and no way out: web and sealer read their own files; the gate has
# doors in its own empty namespace; the broker is on the machine's network, where Landlock holds it
# to the named ports (which the other techniques try).
OFFICE: dict[RoleName, frozenset[str]] = {
    "web": frozenset({"read_database", "read_root_key"}),
    "sealer": frozenset({"read_log_key"}),
    "gate": frozenset({"own_door"}),
    "broker": frozenset({"see_the_machines_connections"}),
}
GIVEN_A_DOOR: RoleName = "web"  # the only process that is ever given a socket of the machine's network


class Staff(Protocol):
    """The supervisor, as far as an attack needs it."""

    @property
    def selector(self) -> selectors.BaseSelector: ...
    @property
    def children(self) -> Mapping[RoleName, Child]: ...

    def ask(
        self,
        role: RoleName,
        what: str,
        body: msgspec.Raw,
        patience_s: float,
        on_answer: OnAnswer,
        descriptor: socket.socket | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """What no process but its owner may read."""

    run_folder: Path
    named: dict[str, str]


class SelfAttack:
    """One run. `on_done` is called exactly once, by the loop."""

    def __init__(
        self,
        staff: Staff,
        roles: list[RoleName],
        secrets: Secrets,
        on_done: Callable[[ProbeResult], None],
    ) -> None:
        self._staff = staff
        self._on_done = on_done
        self._outside = Outside(secrets.run_folder)
        targets = self._outside.targets()
        self._targets = replace(targets, secret=targets.secret | secrets.named)
        self._rows: list[ProbeRow] = []
        self._busy = len(roles)
        self._staff.selector.register(self._outside, selectors.EVENT_READ, self._outside.pump)
        for role in roles:
            if _may_be_attacked(self._staff.children.get(role)):
                self._next(role, _techniques(role))
            else:
                self._rows.append(ProbeRow(role, "every_technique", "no wall of system calls", "LEAKED"))
                self._next(role, iter(()))

    def _next(self, role: RoleName, left: Iterator[str]) -> None:
        technique = next(left, None)
        if technique is None:
            self._busy -= 1
            if self._busy == 0:
                self._finish()
            return
        targets = replace(self._targets, message=f"probe:{role}:{technique};")
        body = msgspec.Raw(msgspec.json.encode(Attack(technique, targets)))
        door = self._outside.door() if role == GIVEN_A_DOOR and technique in NEED_A_DOOR else ()
        asked = self._staff.children.get(role)

        def on_answer(answer: msgspec.Raw | None) -> None:
            for sock in door:
                sock.close()
            row = _row(answer)
            if row is not None:
                self._rows.append(ProbeRow(role, technique, row.layer, row.outcome))
                self._next(role, left)
                return
            alive = asked is not None and self._staff.children.get(role) is asked
            self._rows.append(_unanswered(role, technique, alive))
            self._next(role, iter(()))

        self._staff.ask(role, "attack", body, PATIENCE_S, on_answer, door[0] if door else None)

    def _finish(self) -> None:
        self._outside.pump()
        with suppress(KeyError):
            self._staff.selector.unregister(self._outside)
        heard = b"".join(self._outside.heard).decode(errors="replace")
        self._outside.close()
        rows = [_believed(row, heard) for row in self._rows]
        tried = tuple(row for row in rows if row.outcome != "void")
        self._on_done(
            ProbeResult(
                ok=all(row.outcome == "blocked" for row in tried) and not heard,
                rows=tried,
                void=tuple(row for row in rows if row.outcome == "void"),
                heard=tuple(word for word in heard.split(";") if word),
            )
        )


def _may_be_attacked(child: Child | None) -> bool:
    """Without the wall of system calls an attack would succeed, and some would be this process's end."""
    layers = json.loads(child.guard)["layers"] if child is not None and child.guard else []
    return all(layer["active"] for layer in layers if layer["name"] == seccomp.LAYER)


def _techniques(role: RoleName) -> Iterator[str]:
    own = OFFICE.get(role, frozenset())
    return iter([name for name in TECHNIQUES if name not in own])


def _row(answer: msgspec.Raw | None) -> Row | None:
    try:
        return None if answer is None else msgspec.json.decode(answer, type=Row)
    except msgspec.DecodeError:
        return None


def _unanswered(role: RoleName, technique: str, alive: bool) -> ProbeRow:
    """A process that is gone may be another program by now; one that is busy says nothing about its jail."""
    if alive:
        return ProbeRow(role, technique, f"no answer within {PATIENCE_S:.0f} s", "void")
    return ProbeRow(role, technique, "the process ended", "LEAKED")


def _believed(row: ProbeRow, heard: str) -> ProbeRow:
    """What somebody outside received has leaked, whatever the process says."""
    if f"probe:{row.process}:{row.technique};" not in heard:
        return row
    return msgspec.structs.replace(row, outcome="LEAKED", layer="heard outside")
