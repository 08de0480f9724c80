"""The jail of those who start others: a launcher in an empty network, a keeper held to the named ports.

What their children need they cannot give up: mounts, users and, as root, some capabilities. So
they hold nothing, read no word of a person, and are held where it counts: in their network, and
by a filter that every child inherits below its own. That filter's no is SECCOMP_RET_TRACE with
nobody tracing, the weakest there is, so that a child's own verdict (evidence, death) goes before it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from appliance.egress import allowed, bpf, landlock, linux, namespaces, privileges, seccomp
from appliance.egress.attacks.services import WELL_KNOWN
from appliance.egress.mounts import MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REC
from appliance.egress.report import GuardReport, Layer
from appliance.egress.seccomp import CallPolicy

MS_BIND, MS_SLAVE = 4096, 1 << 19
CAP_SYS_PTRACE = 19
# CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER KILL SETGID SETUID SETPCAP NET_ADMIN SYS_PTRACE SYS_ADMIN
FOR_ROOTS_CHILDREN = (0, 1, 2, 3, 5, 6, 7, 8, 12, CAP_SYS_PTRACE, 21)
OPEN_ROOT = Layer("private root", False, "it makes those of its children", required=False)


def close_launcher(user: tuple[int, int] | None) -> GuardReport:
    """Lock the process that starts all but the broker: nobody lives in its network but itself."""
    network = namespaces.isolate("loopback", user)
    return _close("launcher", (network,), dials=False)


def close_keeper(ports: Iterable[int], user: tuple[int, int] | None) -> GuardReport:
    """Lock the process that starts the broker: the machine's network, TCP, the named ports."""
    network = namespaces.isolate("host", user)
    return _close("keeper", (network,), dials=True, ports=tuple(sorted(set(ports))))


def _close(name: str, layers: tuple[Layer, ...], *, dials: bool, ports: tuple[int, ...] = ()) -> GuardReport:
    limits = privileges.set_limits(writes=True)
    hidden = _hide_services()
    kept = _give_up()
    named = (landlock.restrict_ports(ports),) if dials else ()
    calls = seccomp.install(_policy(dials=dials))
    return GuardReport(name, (limits, *layers, OPEN_ROOT, hidden, kept, *named, *calls))


def _policy(*, dials: bool) -> CallPolicy:
    checked = allowed.checked_for_starting(dials=dials)
    freed = tuple(name for name in allowed.names(allowed.REFUSED) if name not in checked)
    return CallPolicy(freed, checked, default=bpf.ALLOW, refused=bpf.UNTRACED)


def _give_up() -> Layer:
    """As root what children need; else, in a namespace of our own, the right to look at them."""
    kept: tuple[int, ...] = FOR_ROOTS_CHILDREN if os.geteuid() == 0 else (CAP_SYS_PTRACE,)
    try:
        privileges.keep_only(kept)
    except OSError:
        try:
            privileges.keep_only(())
        except OSError as error:
            return Layer("privileges", False, error.strerror or "")
        kept = ()
    return Layer("privileges", True, f"{len(kept)} capabilities for its children, no_new_privs")


def _hide_services() -> Layer:
    """The machine's own services have no path here, so nobody started from here finds one."""
    name = "services"
    try:
        linux.mount("", "/", "", MS_REC | MS_SLAVE)  # a disk that is mounted later is still seen
    except OSError as error:
        return Layer(name, False, error.strerror or "", required=False)
    hidden = 0
    for path in (Path(text) for texts in WELL_KNOWN.values() for text in texts):
        if path.exists():
            with suppress(OSError):
                _cover(path)
                hidden += 1
    return Layer(name, True, f"{hidden} sockets of the machine hidden", required=False)


def _cover(path: Path) -> None:
    if path.is_dir():
        linux.mount("tmpfs", str(path), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k")
    else:
        linux.mount("/dev/null", str(path), "", MS_BIND)
