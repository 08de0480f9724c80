"""The product with its jails or without any, to see what they cost at the start.

python -m benchmarks.targets.guarded kernel|off DATA MODEL; the product itself has no such switch.
Neither attacks itself: without a jail that would succeed. With jails each process says how long
the closing took; without, the processes that are there for the guard alone only wait.
"""

import sys
from pathlib import Path

from appliance import config
from appliance.egress import jail, starting
from appliance.egress.report import GuardReport
from appliance.supervisor import children, launch, watch
from appliance.supervisor.desk import Desk
from benchmarks.open_child import leave_open
from benchmarks.timed_child import timed

OPEN_CHILD, TIMED_CHILD = "benchmarks.open_child", "benchmarks.timed_child"


class QuietDesk(Desk):
    def begin(self) -> None:
        """No self-attack."""


def leave_all_open() -> None:
    """No jail of this process is closed, and nobody below it closes one."""
    leave_open()
    starting.close_launcher = lambda user: GuardReport(f"launcher {user}", ())
    children.MODULE = OPEN_CHILD


def time_all() -> None:
    jail.close = timed(jail.close)
    starting.close_launcher = timed(starting.close_launcher)
    children.MODULE = TIMED_CHILD


def main() -> None:
    guard, data, model = sys.argv[1:]
    if guard == "off":
        leave_all_open()
    else:
        time_all()
    watch.Desk = QuietDesk  # type: ignore[attr-defined]  # where the supervisor looks it up
    launch.serve(config.load({"data": Path(data), "port": 0, "model": model}), print)


if __name__ == "__main__":
    main()
