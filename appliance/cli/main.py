"""Runs one command: its exit codes, and how an error reads.

0 done; 1 looked and found something bad; 2 wrong use or settings; 3 a part is not there just
now; 70 our own fault.
"""

import os
import sys
import traceback

import typer

from appliance.cli.program import program
from appliance.errors import NaesilError, Unavailable

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
EXIT_OUR_FAULT = 70


def main() -> int:
    """Run one command; its exit code."""
    try:
        _wanted(sys.argv[1:])()
    except NaesilError as error:
        from appliance.cli import output  # noqa: PLC0415 - as in _wanted

        print(output.sentence(error), file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_USAGE
    except Exception as error:
        print(f"appliance: {type(error).__name__}. Set NAESIL_LOG_LEVEL=debug to see more.", file=sys.stderr)  # noqa: T201 - as above
        if os.environ.get("NAESIL_LOG_LEVEL") == "debug":
            traceback.print_exc()
        return EXIT_OUR_FAULT
    return 0


def _wanted(words: list[str]) -> typer.Typer:
    """The program with the command that is asked for. What `serve` loads stays in memory, in launcher and
    supervisor, for as long as the product runs: so it loads nothing of the other commands."""
    if words[:1] != ["serve"]:
        from appliance.cli.app import app  # noqa: PLC0415 - see above

        return app
    from appliance.cli.serve import serve  # noqa: PLC0415 - see above

    alone = program()
    alone.callback()(lambda: None)  # or its one command would be the whole program, without a name
    alone.command()(serve)
    return alone
