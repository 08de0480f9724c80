"""The guard's level as the kernel shows it now, process by process, beside what the guard itself reported.

A wall counts only when the kernel confirms it. Landlock is the one that /proc does not show:
for it there is the guard's report, and the self-attack.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from appliance.egress.facts import UNPRIVILEGED, Facts
from appliance.egress.report import LEVELS, Level

SECCOMP_FILTER = 2
ON_THE_MACHINES_NETWORK = ("broker", "keeper", "post")
STARTERS = ("launcher", "keeper")


class Wall(msgspec.Struct, frozen=True):
    """One wall as it is now. `seen`: the kernel's words for it, or where else this comes from.

    One that is not `required` cannot stand around this process, whose work it would end.
    """

    name: str
    stands: bool
    seen: str
    required: bool = True


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    process: str
    pid: int
    level: Level
    walls: tuple[Wall, ...]
    facts: Facts


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`level` is that of the weakest process, the supervisor included."""

    level: Level
    processes: tuple[ProcessStatus, ...]
    supervisor: ProcessStatus


def process_status(process: str, seen: Facts, claims: Mapping[str, Any]) -> ProcessStatus:
    """`claims` is the guard's own report from the start."""
    if process in STARTERS:
        return _starter(process, seen, claims)
    walls = (
        _calls(seen),
        _named_ports(claims) if process in ON_THE_MACHINES_NETWORK else _network(seen),
        _root(seen),
        _privileges(seen),
        _core_dumps(seen),
        _landlock(claims),
    )
    return ProcessStatus(process=process, pid=seen.pid, level=_level(walls), walls=walls, facts=seen)


def _starter(process: str, seen: Facts, claims: Mapping[str, Any]) -> ProcessStatus:
    """One that starts others: what their walls are made with it cannot give up."""
    rights = f"NoNewPrivs {int(seen.no_new_privs)}, CapEff {seen.capabilities}: for its children's walls"
    walls = (
        _calls(seen),
        _named_ports(claims) if process in ON_THE_MACHINES_NETWORK else _network(seen),
        Wall("private root", False, "makes those of its children; the machine's services hidden", False),
        Wall("privileges", seen.no_new_privs and seen.capabilities == UNPRIVILEGED, rights, False),
        _core_dumps(seen),
        Wall("files", False, "none: it mounts for its children, which Landlock would forbid", False),
    )
    return ProcessStatus(process=process, pid=seen.pid, level=_level(walls), walls=walls, facts=seen)


def product_status(processes: Sequence[ProcessStatus], supervisor: ProcessStatus) -> Status:
    levels = [one.level for one in (*processes, supervisor)]
    return Status(
        level=min(levels, key=LEVELS.index, default="off"),
        processes=tuple(processes),
        supervisor=supervisor,
    )


def _level(walls: Sequence[Wall]) -> Level:
    if all(wall.stands for wall in walls if wall.required):
        return "kernel"
    standing = {wall.name for wall in walls if wall.stands}
    return "partial" if standing & {"system calls", "network namespace"} else "off"


def _calls(seen: Facts) -> Wall:
    stands = seen.seccomp_mode == SECCOMP_FILTER
    return Wall("system calls", stands, f"Seccomp {seen.seccomp_mode}, filters {seen.seccomp_filters}")


def _network(seen: Facts) -> Wall:
    if seen.own is None or seen.namespaces is None:
        return Wall("network namespace", False, "not visible to this user")
    sent = "" if seen.packets_out is None else f", {seen.packets_out} packets sent"
    return Wall("network namespace", "net" in seen.own, f"{seen.namespaces.get('net')}{sent}")


def _named_ports(claims: Mapping[str, Any]) -> Wall:
    """On the machine's network on purpose: Landlock holds it to the ports of egress.yaml, or to none."""
    for layer in claims.get("layers", ()):
        if layer["name"] == "tcp by landlock":
            seen = f"the machine's network; reported at the start: {layer['detail']}"
            return Wall("named ports", bool(layer["active"]), seen)
    return Wall("named ports", False, "not reported")


def _root(seen: Facts) -> Wall:
    if seen.own is None or seen.namespaces is None:
        return Wall("private root", False, "not visible to this user")
    return Wall("private root", "mnt" in seen.own, f"{seen.namespaces.get('mnt')}, {seen.mounts} mounts")


def _privileges(seen: Facts) -> Wall:
    stands = seen.no_new_privs and seen.capabilities == UNPRIVILEGED
    return Wall("privileges", stands, f"NoNewPrivs {int(seen.no_new_privs)}, CapEff {seen.capabilities}")


def _core_dumps(seen: Facts) -> Wall:
    traceable = {None: "", True: ", traceable", False: ", not traceable"}[seen.traceable]
    stands = seen.core_limit == 0 and not seen.traceable
    return Wall("core dumps", stands, f"limit {seen.core_limit}{traceable}")


def _landlock(claims: Mapping[str, Any]) -> Wall:
    for layer in claims.get("layers", ()):
        if layer["name"] == "files":
            return Wall("files", bool(layer["active"]), f"reported at the start: {layer['detail']}")
    return Wall("files", False, "not reported")
