"""What `appliance serve` does once its words are understood. Loads nothing that only reads words."""

from collections.abc import Mapping
from typing import Any

from appliance import config, logs
from appliance.supervisor import launch


def begin(chosen: Mapping[str, Any]) -> None:
    """Serve until Ctrl+C or SIGTERM. `chosen`: the settings of the command line, None where not given."""
    settings = config.load(chosen)
    logs.start(settings.log_level, settings.log_format, "supervisor")
    launch.serve(settings, _say)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line prints
