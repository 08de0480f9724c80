"""What every program of ours says of itself, whichever of the commands it has."""

import typer


def program() -> typer.Typer:
    """`appliance`, without commands."""
    return typer.Typer(
        name="appliance",
        help="Naesil: the assistant that never leaves the building.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
