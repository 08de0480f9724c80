"""A child of the product that says how long its jail took to close; benchmarks.targets.guarded starts it."""

import sys
import time
from collections.abc import Callable
from typing import Any

from appliance.egress import jail
from appliance.egress.report import GuardReport
from appliance.supervisor import child

SAID = "closing took ms:"


def timed(close: Callable[..., GuardReport]) -> Callable[..., GuardReport]:
    """The same, with a line on standard error."""

    def closing(*arguments: Any) -> GuardReport:
        began = time.monotonic()
        report = close(*arguments)
        sys.stderr.write(f"{SAID} {(time.monotonic() - began) * 1000:.1f};\n")  # at once, others write too
        return report

    return closing


if __name__ == "__main__":
    jail.close = timed(jail.close)
    sys.exit(child.main())
