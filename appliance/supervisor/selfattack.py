"""One self-attack of the whole product: every process tries every technique, the outside listens.

Runs in the supervisor's loop. Each process gets one technique at a time; a process that ends on
the way is asked no more, and what ended it counts as a leak unless it was the filter. Who starts
others attacks in a copy of itself, all at once, and only what could carry a byte.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from appliance.egress import seccomp
from appliance.egress.attacks.targets import Targets
from appliance.egress.outside import NEED_A_DOOR, together
from appliance.egress.probe import CARRIES, TECHNIQUES, Row
from appliance.egress.proving import ProbeResult, ProbeRow
from appliance.protocol.framing import NONSENSE
from appliance.supervisor.attend import Attack
from appliance.supervisor.children import Child
from appliance.supervisor.launching import Gone, Launching
from appliance.supervisor.questions import OnAnswer, text_of
from appliance.supervisor.spec import RoleName
from appliance.supervisor.starters import Starters

NOTHING = msgspec.Raw(b"null")
PATIENCE_S = 10.0
# What is a process's own office and no way out: web and sealer read their own files; the gate has
# doors in its own empty namespace; the broker is on the machine's network, where Landlock holds it
# to the named ports (which the other techniques try); the post has the ears and files that the
# others must not reach.
OFFICE: dict[RoleName, frozenset[str]] = {
    "web": frozenset({"look_around_in_the_data_folder", "read_database", "read_root_key", "read_tls_key"}),
    "sealer": frozenset({"read_log_key"}),
    "gate": frozenset({"own_door"}),
    "broker": frozenset({"see_the_machines_connections"}),
    "post": frozenset(
        {
            *("own_door", "every_kind_of_socket", "see_the_machines_connections"),
            *("read_outside", "read_through_own_root", "write_outside", "truncate_outside"),
            *("remove_outside", "change_rights_outside", "move_outside"),
        }
    ),
    "launcher": frozenset({"own_door", "every_kind_of_socket", *NEED_A_DOOR}),
    "keeper": frozenset({"see_the_machines_connections", *NEED_A_DOOR}),
}
# A launcher's datagrams reach nobody: its network is empty. What was heard outside decides.
INTO_THE_VOID: RoleName = "launcher"
GIVEN_A_DOOR: RoleName = "web"  # the only process that is ever given a socket of the machine's network


class Staff(Protocol):
    """The supervisor, as far as an attack needs it."""

    @property
    def starters(self) -> Starters: ...
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

    def fold_denials(self) -> None: ...
    def unfold_denials(self, then: Callable[[int], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """What no process but its owner may read."""

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
        self._secrets = secrets
        self._roles = roles
        self._rows: list[ProbeRow] = []
        self._heard = ""
        self._busy = len(roles)
        staff.fold_denials()
        staff.ask("post", "listen", NOTHING, PATIENCE_S, self._on_listening)

    def _on_listening(self, answer: msgspec.Raw | None) -> None:
        try:
            ours = None if answer is None else msgspec.json.decode(answer, type=Targets)
        except NONSENSE:
            ours = None
        if ours is None:  # an attack that nobody would hear of proves nothing
            self._rows = [ProbeRow("post", "every_technique", "nobody listens outside", "LEAKED")]
            self._staff.unfold_denials(lambda count: self._tell("", count))
            return
        self._targets = together(ours, self._staff.starters.machine, self._secrets.named)
        for role in self._roles:
            if _may_be_attacked(self._guard_of(role)):
                self._next(role, _techniques(role))
            else:
                self._rows.append(ProbeRow(role, "every_technique", "no wall of system calls", "LEAKED"))
                self._next(role, iter(()))

    def _next(self, role: RoleName, left: Iterator[str]) -> None:
        technique = next(left, None)
        if technique is None:
            self._busy -= 1
            if self._busy == 0:
                self._attack_starters()
            return
        targets, door = self._aimed(role, technique)
        body = msgspec.Raw(msgspec.json.encode(Attack(technique, targets)))
        asked = self._staff.children.get(role)

        def on_answer(answer: msgspec.Raw | None) -> None:
            if door is not None:
                door.close()
                self._heard += self._staff.starters.launcher.close_door()
            row = _row(answer)
            if row is not None:
                self._rows.append(ProbeRow(role, technique, row.layer, row.outcome))
                self._next(role, left)
                return
            alive = role == "supervisor" or (asked is not None and self._staff.children.get(role) is asked)
            self._rows.append(_unanswered(role, technique, alive))
            self._next(role, iter(()))

        self._staff.ask(role, "attack", body, PATIENCE_S, on_answer, door)

    def _guard_of(self, role: RoleName) -> str:
        if role == "supervisor":
            return self._staff.starters.guard
        child = self._staff.children.get(role)
        return "" if child is None else child.guard

    def _aimed(self, role: RoleName, technique: str) -> tuple[Targets, socket.socket | None]:
        targets = replace(self._targets, message=f"probe:{role}:{technique};")
        if role != GIVEN_A_DOOR or technique not in NEED_A_DOOR:
            return targets, None
        port, door = self._staff.starters.launcher.open_door()
        return replace(targets, tcp=port), door

    def _attack_starters(self) -> None:
        for role, starter in self._staff.starters.named():
            try:
                self._rows += self._starters_rows(role, starter)
            except Gone:
                self._rows.append(_unanswered(role, "every_technique", alive=False))
        self._staff.ask("post", "stop-listening", NOTHING, PATIENCE_S, self._on_heard)

    def _starters_rows(self, role: RoleName, starter: Launching) -> list[ProbeRow]:
        if not _may_be_attacked(starter.itself()[1]):
            return [ProbeRow(role, "every_technique", "no wall of system calls", "LEAKED")]
        targets = replace(self._targets, message=f"probe:{role}:")
        names = tuple(name for name in TECHNIQUES if name in CARRIES - OFFICE[role])
        rows = starter.attack(names, targets)
        return [ProbeRow(role, row.technique, row.layer, row.outcome) for row in rows]

    def _on_heard(self, answer: msgspec.Raw | None) -> None:
        said = text_of(answer)
        if said is None:
            self._rows.append(ProbeRow("post", "every_technique", "the post did not tell", "LEAKED"))
        self._staff.unfold_denials(lambda count: self._tell(said or "", count))

    def _tell(self, said: str, denied: int) -> None:
        heard = self._heard + said
        rows = [_believed(row, heard) for row in self._rows]
        tried = tuple(row for row in rows if row.outcome != "void")
        self._on_done(
            ProbeResult(
                ok=all(row.outcome == "blocked" for row in tried) and not heard,
                rows=tried,
                void=tuple(row for row in rows if row.outcome == "void"),
                heard=tuple(word for word in heard.split(";") if word),
                denied=denied,
            )
        )


def _may_be_attacked(guard: str) -> bool:
    """Without the wall of system calls an attack would succeed, and some would be this process's end."""
    layers = json.loads(guard)["layers"] if guard else []
    return all(layer["active"] for layer in layers if layer["name"] == seccomp.LAYER)


def _techniques(role: RoleName) -> Iterator[str]:
    own = OFFICE.get(role, frozenset())
    return iter([name for name in TECHNIQUES if name not in own])


def _row(answer: msgspec.Raw | None) -> Row | None:
    try:
        return None if answer is None else msgspec.json.decode(answer, type=Row)
    except NONSENSE:
        return None


def _unanswered(role: RoleName, technique: str, alive: bool) -> ProbeRow:
    """A process that is gone may be another program by now; one that is busy says nothing about its jail."""
    if alive:
        return ProbeRow(role, technique, f"no answer within {PATIENCE_S:.0f} s", "void")
    return ProbeRow(role, technique, "the process ended", "LEAKED")


def _believed(row: ProbeRow, heard: str) -> ProbeRow:
    """What somebody outside received has leaked, whatever the process says."""
    if f"probe:{row.process}:{row.technique};" not in heard:
        if row.process == INTO_THE_VOID and row.outcome == "LEAKED":
            return msgspec.structs.replace(row, outcome="blocked", layer="network namespace")
        return row
    return msgspec.structs.replace(row, outcome="LEAKED", layer="heard outside")
