"""The command line. Each group is a module; each command parses, calls, prints."""

from appliance.cli.main import main

__all__ = ["main"]
