"""The product with its jails or without any, to see what they cost at the start.

python -m benchmarks.targets.guarded kernel|off DATA MODEL; the product itself has no such switch.
Neither attacks itself: without a jail that would succeed.
"""

import sys
from pathlib import Path

from appliance import config
from appliance.egress import starting
from appliance.egress.report import GuardReport
from appliance.supervisor import children, launch, watch
from appliance.supervisor.desk import Desk
from benchmarks.open_child import leave_open

OPEN_CHILD = "benchmarks.open_child"


class QuietDesk(Desk):
    def begin(self) -> None:
        """No self-attack."""


def leave_all_open() -> None:
    """No jail of this process is closed, and nobody below it closes one."""
    leave_open()
    starting.close_launcher = lambda user: GuardReport(f"launcher {user}", ())
    children.MODULE = OPEN_CHILD


def main() -> None:
    guard, data, model = sys.argv[1:]
    if guard == "off":
        leave_all_open()
    watch.Desk = QuietDesk  # type: ignore[attr-defined]  # where the supervisor looks it up
    launch.serve(config.load({"data": Path(data), "port": 0, "model": model}), print)


if __name__ == "__main__":
    main()
