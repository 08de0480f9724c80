"""The one moment when a process of the product may still do everything, and how it is given up.

The process that the operator started starts the post, a keeper where something may be dialled, and
the supervisor; then it is the launcher itself. Each is locked before the supervisor has its first
child started, and whoever falls below the demanded level ends the product.
"""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.config import Settings, share_folder
from appliance.egress import outside, starting
from appliance.egress.attacks.targets import Targets
from appliance.egress.naming import Lookup
from appliance.errors import N_, ConfigError, NaesilError, Unavailable
from appliance.protocol.egress import Destination
from appliance.storage.owner import Owner
from appliance.supervisor import children
from appliance.supervisor.aside import OUR_FAULT, aside
from appliance.supervisor.child import demand
from appliance.supervisor.launcher import Launcher, forward_signals
from appliance.supervisor.launching import Launched, Launching, gone
from appliance.supervisor.orders import MAX_PACKET_BYTES, Start
from appliance.supervisor.spec import ChildSpec

if TYPE_CHECKING:
    from appliance.policy.yaml_text import PolicyError

EXIT_REFUSED = 3
log = logging.getLogger(__name__)

Found = dict[str, tuple[tuple[str, ...], str] | None]
"""host:port -> (addresses, canonical name); None for a name that has none."""


class Outward(msgspec.Struct, frozen=True):
    """What egress.yaml wants: the lowest level of the guard, and host and port of what may be dialled."""

    minimum_level: str
    names: tuple[tuple[str, int], ...]


class Looked(msgspec.Struct, frozen=True):
    """What names meant, and the destinations that came of it; None when one cannot be dialled."""

    answers: Found = {}
    destinations: tuple[Destination, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What all founders know. `host`: the machine's namespaces before any jail."""

    settings: Settings
    owner: Owner | None
    host: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Post:
    """The post, as the supervisor takes it over. `line` keeps it alive."""

    child: children.Child
    line: socket.socket
    machine: Targets


def pair() -> tuple[socket.socket, socket.socket]:
    """A launcher's line: whole packets, so that no order is ever half read."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def read_outward(settings: Settings) -> Outward:
    """egress.yaml. Raises PolicyError for its first mistake."""

    def read() -> Outward:
        from appliance.policy.egress_file import load_egress  # noqa: PLC0415 - only aside

        egress, _ = load_egress(share_folder("policies"), settings.policies_folder)
        return Outward(egress.minimum_level, tuple((one.host, one.port) for one in egress.destinations))

    return aside(read, Outward) or read()


def start_keeper(
    ground: Ground, outward: Outward, lookup: Lookup
) -> tuple[Launching | None, tuple[Destination, ...]]:
    """The broker's side: it asks for every name once, and what it was told is what a broker may dial.

    No process where nothing may be dialled. Raises PolicyError for a name that cannot be dialled.
    """
    if not outward.names:
        return None, ()
    ours, theirs = pair()
    if os.fork() == 0:
        _close_all_but(theirs.fileno())
        _run(lambda: _keep(ground, outward, lookup, theirs))
    theirs.close()
    looked = msgspec.json.decode(ours.recv(MAX_PACKET_BYTES) or b"{}", type=Looked)
    if looked.destinations is None:
        ours.close()
        os.wait()
        raise _refusal(ground.settings, looked.answers)
    return Launching(ours), looked.destinations


def _keep(ground: Ground, outward: Outward, lookup: Lookup, line: socket.socket) -> None:
    children.die_with_parent()
    looked = aside(lambda: _look_up(ground.settings, outward, lookup), Looked) or Looked()
    if looked.destinations is None:
        line.send(msgspec.json.encode(looked))
        return
    keeper = Launcher(line, ground.settings.data, ground.owner, ground.host, pins=looked.destinations)
    guard = starting.close_keeper((one.port for one in looked.destinations), ground.owner)
    keeper.guard = guard.to_json()
    line.send(msgspec.json.encode(looked))
    demand("keeper", guard, ground.settings.guard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl+C means the supervisor
    keeper.run()


def _close_all_but(line: int) -> None:
    """The door to the clients above all: a keeper may dial."""
    os.closerange(3, line)
    os.closerange(line + 1, os.sysconf("SC_OPEN_MAX"))


def _look_up(settings: Settings, outward: Outward, lookup: Lookup) -> Looked:
    """Aside for one more reason: the machine's resolver may leave open files and threads behind."""
    answers: Found = {}
    for host, port in outward.names:
        try:
            answers[f"{host}:{port}"] = lookup(host, port)
        except (OSError, UnicodeError):
            answers[f"{host}:{port}"] = None
    destinations, problems = _resolved(settings, answers)
    return Looked(answers, None if problems else destinations)


def _resolved(settings: Settings, answers: Found) -> tuple[tuple[Destination, ...], list["PolicyError"]]:
    from appliance.policy.destinations import resolve  # noqa: PLC0415 - only aside, or at the end
    from appliance.policy.egress_file import load_egress  # noqa: PLC0415

    egress, document = load_egress(share_folder("policies"), settings.policies_folder)
    return resolve(egress, document, _as_told(answers))


def _refusal(settings: Settings, answers: Found) -> NaesilError:
    """Why nothing can be dialled, in a person's words."""
    _, problems = _resolved(settings, answers)
    return problems[0] if problems else gone()


def _as_told(answers: Found) -> Lookup:
    def lookup(host: str, port: int) -> tuple[tuple[str, ...], str]:
        answer = answers.get(f"{host}:{port}")
        if answer is None:
            raise OSError(host)
        return answer

    return lookup


def start_post(ground: Ground, launcher: Launcher, supervisors: Launching, folder: Path) -> Post:
    """Started while its parent may still use the machine's network, which it needs to hear."""
    settings = ground.settings
    settings.probe_folder.mkdir(mode=0o700, exist_ok=True)
    machine = outside.machine(settings.run_folder, settings.probe_folder)
    ours, theirs = socket.socketpair()
    our_status, their_status = socket.socketpair()
    spec = ChildSpec(
        role="post",
        settings=settings.without_database(),
        status=their_status.fileno(),
        peer=theirs.fileno(),
        outside=folder,
        user=ground.owner,
    )

    class Here:
        """The launcher before it is the launcher."""

        def start(self, spec: ChildSpec, output: int) -> Launched:
            descriptors = [os.dup(number) for number in (output, *spec.descriptors())]
            pid = launcher.start(Start(spec), descriptors)
            for number in descriptors:
                os.close(number)
            return Launched(supervisors, pid)

    child = children.start(spec, our_status, Here())
    their_status.close()
    theirs.close()
    return Post(child, ours, machine)


def fork_supervisor(line: Launching, supervise: Callable[[], None]) -> int:
    """The supervisor's process id. There it runs `supervise` and tells the launcher why it failed."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    os.setpgid(0, 0)  # Ctrl+C reaches the launcher, which passes it on
    children.die_with_parent()
    if os.getppid() != parent:
        os._exit(OUR_FAULT)

    def run() -> None:
        try:
            supervise()
        except NaesilError as error:
            line.fail(error)
            raise

    _run(run)
    raise AssertionError  # _run does not return


def launch(launcher: Launcher, ground: Ground, supervisor: int) -> None:
    """Be the launcher until the product ends.

    Raises ConfigError with the supervisor's reason; Unavailable where another start may help.
    """
    forward_signals(supervisor)
    guard = starting.close_launcher(ground.owner)
    launcher.guard = guard.to_json()
    try:
        demand("launcher", guard, ground.settings.guard)
    except ConfigError:
        os.kill(supervisor, signal.SIGKILL)
        raise
    launcher.run()
    _, status = os.waitpid(supervisor, 0)
    code = os.waitstatus_to_exitcode(status)
    if (failure := launcher.failure) is not None:
        kind = Unavailable if failure.passing else ConfigError
        raise kind(failure.template, **dict[str, Any](failure.params))
    if code not in (0, -signal.SIGTERM, -signal.SIGINT):
        raise Unavailable(N_("The supervisor ended with status %(status)d."), status=code)


def _run(act: Callable[[], None]) -> None:
    """All that a forked process does. Never returns into what was copied."""
    code = OUR_FAULT
    try:
        act()
        code = 0
    except NaesilError:
        code = EXIT_REFUSED
    except BaseException as error:
        log.error("stopped on %s", type(error).__name__, exc_info=log.isEnabledFor(logging.DEBUG))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
