"""The model process without the product around it: the bare engine loop, jailed or not.

python -m benchmarks.targets.runtime_child DESCRIPTOR SETTINGS kernel|off
"""

import socket
import sys
from pathlib import Path

import msgspec

from appliance.egress import jail
from appliance.egress.profiles import runtime_profile
from appliance.protocol.settings import RuntimeSettings


def main() -> None:
    descriptor, settings_json, guard = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    settings = msgspec.json.decode(settings_json, type=RuntimeSettings)
    if guard == "kernel":
        jail.close(runtime_profile(Path(settings.model_path), (descriptor,)))
    from appliance.runtime import process  # noqa: PLC0415 - only behind the closed jail

    process.main(socket.socket(fileno=descriptor), settings)


if __name__ == "__main__":
    main()
