"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data folder. Otherwise NAESIL_DATA, or the platform's folder.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="File whose first line is the password; '-' reads standard input."),
]
