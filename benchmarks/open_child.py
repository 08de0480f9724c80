"""A child of the product that closes no jail; only benchmarks.targets.guarded starts it.

What is there for the guard's sake alone does nothing here but wait for its end.
"""

import json
import os
import sys

GUARDS_OWN = ("gate", "post")


def wait_for_the_end() -> None:
    peer = json.loads(sys.stdin.buffer.read())["peer"]
    while os.read(peer, 65536):
        pass


def leave_open() -> None:
    """No jail of this process is closed."""
    from appliance.egress import jail  # noqa: PLC0415 - not for who only waits
    from appliance.egress.report import GuardReport  # noqa: PLC0415

    jail.close = lambda profile, _steps=(): GuardReport(profile.name, ())  # type: ignore[assignment]


def main() -> int:
    if sys.argv[1] in GUARDS_OWN:
        wait_for_the_end()
        return 0
    leave_open()
    from appliance.supervisor import child  # noqa: PLC0415

    return child.main()


if __name__ == "__main__":
    sys.exit(main())
