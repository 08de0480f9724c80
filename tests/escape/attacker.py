"""A process that is locked and then attacks: orders on standard input, rows on standard output."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from appliance.egress import census, environment, jail, linux, mounts, namespaces, privileges, probe
from appliance.egress.attacks.targets import Targets
from appliance.egress.profiles import Profile, runtime_profile, sealer_profile, web_profile
from appliance.egress.report import Layer


def main() -> None:
    """Orders: role, data folder, techniques, targets, and which of the jail's walls to leave out."""
    orders = json.load(sys.stdin)
    _leave_the_machine_alone()
    targets = replace(
        Targets(**orders["targets"]), ipc=str(Path("/proc/self/ns/ipc").readlink()), data=orders["data"]
    )
    _leave_out(orders["without"])
    held = _connect(targets) if orders["connected"] else None
    steps = _steps(orders["without"])

    def lock(report_pipe: int) -> None:
        if steps:
            given = tuple(number for number in (report_pipe, targets.listener) if number >= 0)
            made = profile(orders["role"], Path(orders["data"]), given)
            jail.close(replace(made, network="host") if "network" in orders["without"] else made, steps)

    rows = []
    for name in orders["techniques"]:
        message = f"{orders['message']}:{name}"
        rows.append(probe.trial(name, replace(targets, message=message), lock))
    json.dump(msgspec.to_builtins(rows), sys.stdout)
    if held is not None:
        held.close()


def _leave_out(without: list[str]) -> None:
    """Single walls within a step."""
    if "census" in without:
        census.take = lambda expected: Layer("open files", False, f"{expected} left out")
    if "limits" in without:
        privileges.set_limits = lambda *, writes: Layer("limits", False, f"left out {writes}")
    if "environment" in without:
        environment.scrub = lambda: None
    if "ipc" in without:
        namespaces.CLONE_NEWIPC = 0


def _connect(targets: Targets) -> socket.socket:
    """To the outside, before any lock."""
    return socket.create_connection(("127.0.0.1", targets.tcp))


def _steps(without: list[str]) -> tuple[jail.Step, ...]:
    """The jail's steps but these; "root" leaves out the half of a step that furnishes the private root."""
    steps = [step for step in jail.STEPS if step.__name__ not in without]
    if "root" in without:
        steps[[step.__name__ for step in steps].index("_isolate")] = _isolate_the_network_alone
    return tuple(steps)


def _isolate_the_network_alone(profile: Profile) -> Iterable[Layer]:
    return (namespaces.isolate(profile.network, profile.user),)


def _leave_the_machine_alone() -> None:
    """Root gets mounts and shared memory of its own first: an unlocked attack must not reach ours."""
    if os.geteuid() == 0:
        linux.call("unshare", namespaces.CLONE_NEWNS | namespaces.CLONE_NEWIPC)
        linux.mount("", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)


def profile(role: str, data: Path, given: tuple[int, ...]) -> Profile:
    make: dict[str, Callable[[], Profile]] = {
        "runtime": lambda: runtime_profile(data / "models" / "model.gguf", given),
        "web": lambda: web_profile(data, (), given),
        "sealer": lambda: sealer_profile(data / "keys", given),
    }
    return make[role]()


if __name__ == "__main__":
    main()
