"""The product with its jails or without any, to see what they cost at the start.

python -m benchmarks.targets.guarded kernel|off DATA MODEL; the product itself has no such switch.
Neither attacks itself: without a jail that would succeed.
"""

import sys
from pathlib import Path

from appliance import config
from appliance.egress import jail, starting
from appliance.egress.report import GuardReport
from appliance.supervisor import child, children, launch, watch
from appliance.supervisor.desk import Desk
from appliance.supervisor.spec import ChildName

OPEN_CHILD = "benchmarks.targets.guarded"


class QuietDesk(Desk):
    def begin(self) -> None:
        """No self-attack."""


def leave_open() -> None:
    """No jail of this process is closed, and nobody below it closes one."""
    jail.close = lambda profile, _steps=(): GuardReport(profile.name, ())  # type: ignore[assignment]
    starting.close_launcher = lambda user: GuardReport(f"launcher {user}", ())
    children.MODULE = OPEN_CHILD


def main() -> int:
    first, *more = sys.argv[1:]
    if first in ChildName.__args__:  # type: ignore[attr-defined]  # we are one of our own children
        leave_open()
        return child.main()
    if first == "off":
        leave_open()
    watch.Desk = QuietDesk  # type: ignore[attr-defined]  # where the supervisor looks it up
    launch.serve(config.load({"data": Path(more[0]), "port": 0, "model": more[1]}), print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
