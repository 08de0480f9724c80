"""Where a command gets a password from: a file, or two prompts that must agree."""

import sys
from pathlib import Path

import typer

from appliance.errors import N_, ConfigError


def read_password(file: Path | None) -> str:
    """The password, from the file's first line or asked for on the terminal."""
    if file is None:
        if not sys.stdin.isatty():
            raise ConfigError(N_("Give the password with --password-file; there is no terminal to ask on."))
        answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    if str(file) == "-":
        return sys.stdin.readline().rstrip("\r\n")
    try:
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigError(N_("The password file %(path)s does not exist."), path=file) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigError(N_("The password file %(path)s cannot be read as text."), path=file) from None
    return lines[0] if lines else ""
