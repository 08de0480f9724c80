"""The process of one trial: read the order, close the jail, do it, say what came of it.

A model file is a stranger's, and so is what llama.cpp makes of it: nothing of it is opened before
the jail is closed.
"""

import os
import sys
from pathlib import Path

import msgspec

from appliance.egress import jail
from appliance.egress.profiles import trial_profile
from appliance.egress.report import LEVELS
from appliance.protocol.trials import Failed, Orders


def main() -> int:
    """One result as JSON on standard output."""
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    with open(os.devnull, "rb") as null:  # noqa: PTH123 - a descriptor is wanted, not a path
        os.dup2(null.fileno(), 0)
    readable = tuple(Path(path) for path in orders.readable)
    writable = tuple(Path(path) for path in orders.writable)
    profile = trial_profile(Path(orders.data), readable, writable, orders.user)
    guard = jail.close(profile)
    if LEVELS.index(guard.level) < LEVELS.index(orders.guard):
        _say(Failed(f"the guard reaches only '{guard.level}' here"))
        return 0
    from appliance.runtime import trial  # noqa: PLC0415 - only behind the closed jail

    _say(trial.act(orders.order))
    return 0


def _say(result: msgspec.Struct) -> None:
    os.write(1, msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
