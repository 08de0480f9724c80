"""Runs one command: its exit codes, and how an error reads.

0 done; 1 looked and found something bad; 2 wrong use or settings; 3 a part is not there just
now; 70 our own fault.
"""

import os
import sys
import traceback
from collections.abc import Callable

from appliance.cli import words
from appliance.errors import NaesilError, Unavailable
from appliance.supervisor.aside import OUR_FAULT

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3


def main() -> int:
    """Run one command; its exit code."""
    try:
        return _serve() if sys.argv[1:2] == ["serve"] else _run()
    except NaesilError as error:
        from appliance.cli import output  # noqa: PLC0415 - see words.py

        print(output.sentence(error), file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_USAGE
    except Exception as error:
        print(f"appliance: {type(error).__name__}. Set NAESIL_LOG_LEVEL=debug to see more.", file=sys.stderr)  # noqa: T201 - as above
        if os.environ.get("NAESIL_LOG_LEVEL") == "debug":
            traceback.print_exc()
        return OUR_FAULT


def _run() -> int:
    if sys.argv[1:2] == ["egress"]:
        _egress()()
        return 0
    from appliance.cli.app import app  # noqa: PLC0415 - see words.py

    app()
    return 0


def _egress() -> Callable[[], None]:
    """These commands alone: who asks whether the guard holds does not wait for all the others to load."""
    from appliance.cli import egress  # noqa: PLC0415 - see words.py
    from appliance.cli.program import program  # noqa: PLC0415

    alone = program()
    alone.add_typer(egress.app, name="egress")
    return alone


def _serve() -> int:
    chosen, code = words.read()
    if chosen is not None:
        from appliance.cli.serving import begin  # noqa: PLC0415 - no other command needs it

        begin(chosen)
    return code
