"""`appliance policy`: try the detectors on one's own text, check a policies folder."""

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import typer

from appliance.config import share_folder
from appliance.policy import schema as schemas
from appliance.policy.destinations import unresolved
from appliance.policy.detectors.finding import Finding
from appliance.policy.detectors.scan import scan as scan_text
from appliance.policy.documents import check as check_folder

app = typer.Typer(help="Policies: detectors and documents.", no_args_is_help=True)

_SEOUL = timezone(timedelta(hours=9))

Folder = Annotated[Path | None, typer.Argument(help="A folder with access.yaml, dlp.yaml and limits.yaml.")]


@app.command()
def scan(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Read lines from standard input; say what the detectors find in each.

    Offsets count characters of the line from 0, end exclusive. Nothing is kept or logged.
    """
    today = datetime.now(_SEOUL).date()
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        found = scan_text(line, today)
        if as_json:
            typer.echo(json.dumps({"findings": [_as_dict(one) for one in found]}, ensure_ascii=False))
        else:
            typer.echo("; ".join(f"{one.type} {one.level.name} {one.start}-{one.end}" for one in found))


@app.command()
def check(folder: Folder = None) -> None:
    """Validate a policies folder; files it does not have are the shipped ones. Exits 1 when one is wrong."""
    if folder is not None and not folder.is_dir():
        typer.echo(f"{folder} is not a folder.", err=True)
        raise typer.Exit(2)
    policy, problems = check_folder(share_folder("policies"), folder)
    if policy is not None:
        problems = unresolved(share_folder("policies"), folder)
    for problem in problems:
        typer.echo(str(problem), err=True)
    if policy is None or problems:
        raise typer.Exit(1)
    typer.echo(f"revision {policy.revision}")


@app.command()
def schema(folder: Annotated[Path, typer.Argument(help="Where to write the schema files.")]) -> None:
    """Write the JSON Schemas that editors use to check policy files."""
    schemas.write(folder)


def _as_dict(finding: Finding) -> dict[str, object]:
    return {
        "type": finding.type.value,
        "level": finding.level.name,
        "start": finding.start,
        "end": finding.end,
        "rule": finding.rule,
    }
