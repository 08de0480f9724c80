"""What the kernel says of a process, read from /proc (proc(5)): the guard's claims, seen from outside.

Status fields are readable for everybody. Namespaces and open files of a process that nobody may
trace are readable for root and for the process itself, so those fields may be None here and
come from the process's own reading.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.egress import linux
from appliance.egress.sockets import OpenSocket, open_sockets

PROC = Path("/proc")
NAMESPACES = ("net", "mnt", "ipc", "user", "pid")
UNPRIVILEGED = "0" * 16


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One process at one moment. `own`: namespaces that differ from the host's; `packets_out`: what
    its network namespace has sent since it was made, all interfaces together."""

    pid: int
    threads: int
    user: int
    seccomp_mode: int
    seccomp_filters: int
    no_new_privs: bool
    capabilities: str
    bounding: str
    core_limit: int
    namespaces: dict[str, str] | None = None
    own: tuple[str, ...] | None = None
    mounts: int | None = None
    packets_out: int | None = None
    sockets: tuple[OpenSocket, ...] | None = None
    traceable: bool | None = None


def read(pid: int, host: dict[str, str] | None) -> Facts:
    """The facts of a process seen from here. Raises FileNotFoundError when it is gone.

    `host`: the machine's namespaces, as whoever started the product saw them before any jail.
    """
    home = PROC / str(pid)
    status = _status(home)
    namespaces = _namespaces(home)
    return Facts(
        pid=pid,
        threads=int(status["Threads"]),
        user=int(status["Uid"].split()[1]),
        seccomp_mode=int(status["Seccomp"]),
        seccomp_filters=int(status.get("Seccomp_filters", "0")),
        no_new_privs=status["NoNewPrivs"] == "1",
        capabilities=max(status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")),
        bounding=status["CapBnd"],
        core_limit=_core_limit(home),
        namespaces=namespaces,
        own=_differing(namespaces, host),
        mounts=_count_lines(home / "mountinfo"),
        packets_out=_packets_out(home),
        sockets=open_sockets(home),
    )


def read_own(host: dict[str, str] | None = None) -> Facts:
    """The facts of this process, with the one that only it can see."""
    return msgspec.structs.replace(read(os.getpid(), host), traceable=linux.prctl(linux.PR_GET_DUMPABLE) == 1)


def completed(outside: Facts, inside: Facts | None, host: dict[str, str] | None) -> Facts:
    """The outside view, with what only the process could see of itself filled in from its answer."""
    if inside is None:
        return outside
    namespaces = outside.namespaces or inside.namespaces
    return msgspec.structs.replace(
        outside,
        namespaces=namespaces,
        own=_differing(namespaces, host),
        mounts=outside.mounts or inside.mounts,
        packets_out=inside.packets_out if outside.packets_out is None else outside.packets_out,
        sockets=outside.sockets or inside.sockets,
        traceable=inside.traceable,
    )


def host_namespaces() -> dict[str, str] | None:
    """Those of this process: before it closes a jail, the ones that a jailed child must not share."""
    return _namespaces(PROC / "self")


def _status(home: Path) -> dict[str, str]:
    lines = (home / "status").read_text("ascii", "replace").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _namespaces(home: Path) -> dict[str, str] | None:
    try:
        return {name: os.readlink(home / "ns" / name) for name in NAMESPACES}  # noqa: PTH115 - not a path
    except OSError:
        return None


def _differing(namespaces: dict[str, str] | None, host: dict[str, str] | None) -> tuple[str, ...] | None:
    if namespaces is None or host is None:
        return None
    return tuple(name for name in NAMESPACES if namespaces.get(name, host[name]) != host[name])


def _core_limit(home: Path) -> int:
    for line in (home / "limits").read_text("ascii").splitlines():
        if line.startswith("Max core file size"):
            soft = line.split()[4]
            return -1 if soft == "unlimited" else int(soft)
    return -1


def _count_lines(path: Path) -> int | None:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return None


def _packets_out(home: Path) -> int | None:
    try:
        return sum(_sent(home / "net" / "dev"))
    except (OSError, ValueError):
        return None


def _sent(path: Path) -> Iterator[int]:
    """Transmitted packets per interface: the tenth column after the name (net/core/net-procfs.c)."""
    for line in path.read_text("ascii").splitlines()[2:]:
        yield int(line.split(":", 1)[1].split()[9])
