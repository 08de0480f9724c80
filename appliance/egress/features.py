"""`appliance doctor`'s question to the kernel: would the jail close here? Asked by closing one.

A child process locks itself as the strictest profile does, tells what stands, and is gone;
the process that asks stays as it was.
"""

import json
import subprocess
import sys

from appliance.egress import jail
from appliance.egress.environment import child_environment
from appliance.egress.profiles import NULL, runtime_profile
from appliance.egress.report import Layer

TIMEOUT_S = 30


def probe() -> tuple[Layer, ...]:
    """Every wall with whether this kernel lets us build it, and the reason when not."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "appliance.egress.features"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    try:
        return tuple(Layer(**layer) for layer in json.loads(done.stdout)["layers"])
    except ValueError:
        return (Layer("guard", False, f"the trial process ended with status {done.returncode}"),)


def main() -> None:
    sys.stdout.write(jail.close(runtime_profile(NULL, ())).to_json())


if __name__ == "__main__":
    main()
