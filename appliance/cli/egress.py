"""`appliance egress`: what holds the running product inside, and the proof of it."""

from typing import Any

import msgspec
import typer

from appliance import config
from appliance.cli import output
from appliance.cli.options import Data, Json
from appliance.protocol.control import AskStatus, Question
from appliance.supervisor import door

app = typer.Typer(help="The egress guard of the running product.", no_args_is_help=True)

STATUS_PATIENCE_S = 10.0


@app.callback()
def group() -> None:
    """The egress guard of the running product."""


@app.command("status")
def status(data: Data = None, json: Json = False) -> None:
    """What the kernel says now of every process: system calls, namespaces, sockets, rights."""
    found = _ask(data, AskStatus(), STATUS_PATIENCE_S)
    if json:
        output.as_json(found)
        return
    typer.echo(f"level: {found['level']}")
    rows = [("PROCESS", "PID", "LEVEL", "WALL", "STANDS", "SEEN")]
    for one in found["processes"]:
        rows += [
            (one["process"], one["pid"], one["level"], wall["name"], _yes(wall["stands"]), wall["seen"])
            for wall in one["walls"]
        ]
    output.table(rows)
    sockets = [
        (one["process"], sock["kind"], sock["protocol"], sock["local"], sock["peer"])
        for one in found["processes"]
        for sock in one["facts"]["sockets"] or ()
    ]
    typer.echo("")
    output.table([("PROCESS", "SOCKET", "PROTOCOL", "LOCAL", "PEER"), *sockets])


def _ask(data: Data, question: Question, patience_s: float) -> Any:
    """The last answer of the running product. Unavailable (exit 3) when there is none."""
    settings = config.load({"data": data})
    answers = list(door.ask(settings.run_folder, question, patience_s))
    return msgspec.json.decode(answers[-1].value)


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
