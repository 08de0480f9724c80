"""A process that is locked and then attacks: orders on standard input, rows on standard output."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from appliance.egress import jail, linux, mounts, namespaces, probe
from appliance.egress.attacks.targets import Targets
from appliance.egress.profiles import Profile, runtime_profile, sealer_profile, web_profile


def main() -> None:
    """Orders: role, data folder, techniques, targets, and which of the jail's steps to leave out."""
    orders = json.load(sys.stdin)
    _leave_the_machine_alone()
    targets = Targets(**orders["targets"])
    steps = tuple(step for step in jail.STEPS if step.__name__ not in orders["without"])

    def lock(report_pipe: int) -> None:
        if steps:
            given = tuple(number for number in (report_pipe, targets.listener) if number >= 0)
            jail.close(profile(orders["role"], Path(orders["data"]), given), steps)

    rows = []
    for name in orders["techniques"]:
        message = f"{orders['message']}:{name}"
        rows.append(probe.trial(name, replace(targets, message=message), lock))
    json.dump(msgspec.to_builtins(rows), sys.stdout)


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
