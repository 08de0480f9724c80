"""How commands print: one JSON value for scripts, plain lines for people."""

import dataclasses
import json
import locale
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import typer

from appliance.errors import N_, ConfigError, NaesilError
from appliance.i18n import Translator, translator
from appliance.logs import one_line


def as_json(value: Any) -> None:
    """One JSON value on one line."""
    typer.echo(json.dumps(value, default=plain, ensure_ascii=False))


def write(path: Path, text: str) -> None:
    """A text file the person asked for. ConfigError when it cannot be written."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None


def folder(path: Path) -> None:
    """A folder for such files, made where there is none. ConfigError when it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def table(rows: Sequence[Sequence[object]]) -> None:
    """Rows with their columns aligned; the first row is the head."""
    texts = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))]
    for row in texts:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def complain(error: NaesilError) -> None:
    """What went wrong beside the answer, on standard error."""
    typer.echo(sentence(error), err=True)


def sentence(error: NaesilError) -> str:
    """What went wrong, in the language of the terminal."""
    return error.text(terminal()).rstrip()


def terminal() -> Translator:
    """The language of the terminal (LC_ALL, LC_MESSAGES, LANG): Korean or English."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return translator("ko" if locale.normalize(name).startswith("ko") else "en")


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(N_("%(path)s cannot be written: %(reason)s."), path=path, reason=error.strerror)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return one_line(str(value))


def plain(value: object) -> Any:
    """A value that JSON does not know, in terms that it does; of a record its fields by name."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)
