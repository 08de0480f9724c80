"""The program `appliance`: its groups, its exit codes, and how an error reads.

0 done; 1 looked and found something bad; 2 wrong use or settings; 3 a part is not there just
now; 70 our own fault.
"""

import os
import sys
import traceback

import typer

from appliance.cli import (
    audit,
    backup,
    doctor,
    egress,
    init,
    key,
    metrics,
    model,
    output,
    policy,
    retention,
    serve,
    user,
    witness,
)
from appliance.errors import NaesilError, Unavailable

EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
EXIT_OUR_FAULT = 70

app = typer.Typer(
    name="appliance",
    help="Naesil: the assistant that never leaves the building.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(init.init)
app.command()(doctor.doctor)
app.command()(metrics.metrics_token)
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(model.app, name="model")
app.add_typer(audit.app, name="audit")
app.add_typer(backup.app, name="backup")
app.add_typer(witness.app, name="witness")
app.add_typer(policy.app, name="policy")
app.add_typer(retention.app, name="retention")
app.add_typer(egress.app, name="egress")


def main() -> int:
    """Run one command; its exit code."""
    try:
        app()
    except NaesilError as error:
        print(output.sentence(error), file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_USAGE
    except Exception as error:
        print(f"appliance: {type(error).__name__}. Set NAESIL_LOG_LEVEL=debug to see more.", file=sys.stderr)  # noqa: T201 - as above
        if os.environ.get("NAESIL_LOG_LEVEL") == "debug":
            traceback.print_exc()
        return EXIT_OUR_FAULT
    return 0
