"""`appliance egress`: what holds the running product inside, and the proof of it."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from appliance import config
from appliance.cli import egress_rules, output
from appliance.cli.options import Data, Json
from appliance.egress import attestation, attestation_page
from appliance.errors import N_, ConfigError
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.logs import one_line
from appliance.protocol.control import AskAttest, AskProbe, AskStatus, Question
from appliance.supervisor import door
from appliance.tlog.faults import NoteError

app = typer.Typer(help="The egress guard of the running product.", no_args_is_help=True)

STATUS_PATIENCE_S = 10.0
PROBE_PATIENCE_S = 120.0
EXIT_LEAK = 1

Out = Annotated[Path | None, typer.Option("--out", help="Write the signed note to this file.")]
Html = Annotated[Path | None, typer.Option("--html", help="Write a page for printing to this file.")]
NoteFile = Annotated[Path, typer.Argument(help="The signed attestation.")]
KeyFile = Annotated[
    Path, typer.Option("--key", help="The log's public key, as 'appliance audit key' prints it.")
]


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
    shown = [*found["processes"], found["supervisor"]]
    for one in shown:
        rows += [
            (one["process"], one["pid"], one["level"], wall["name"], _yes(wall["stands"]), wall["seen"])
            for wall in one["walls"]
        ]
    output.table(rows)
    sockets = [
        (one["process"], sock["kind"], sock["protocol"], sock["local"], sock["peer"])
        for one in shown
        for sock in one["facts"]["sockets"] or ()
    ]
    typer.echo("")
    output.table([("PROCESS", "SOCKET", "PROTOCOL", "LOCAL", "PEER"), *sockets])


@app.command("probe")
def probe(data: Data = None, json: Json = False) -> None:
    """Attack from inside every live process and listen outside; exits 1 when anything got out."""
    found = _ask(data, AskProbe(), PROBE_PATIENCE_S)
    if json:
        output.as_json(found)
    else:
        rows = [(row["process"], row["technique"], row["layer"], row["outcome"]) for row in found["rows"]]
        output.table([("PROCESS", "TECHNIQUE", "LAYER", "OUTCOME"), *rows])
        typer.echo("")
        void = [(row["process"], row["technique"], row["layer"]) for row in found["void"]]
        output.table([("PROCESS", "NOT TRIED", "BECAUSE"), *void])
        typer.echo(_verdict(found))
    if not found["ok"]:
        raise typer.Exit(EXIT_LEAK)


@app.command("attest")
def attest(data: Data = None, out: Out = None, html: Html = None, json: Json = False) -> None:
    """Attack, look, and have the result signed, dated and recorded; exits 1 when anything got out."""
    found = _ask(data, AskAttest(), PROBE_PATIENCE_S)
    note = found["note"]
    if out is not None:
        output.write(out, note)
    if html is not None:
        output.write(html, attestation_page.page(note))
    if json:
        output.as_json({**found, **attestation.fields(note)})
    else:
        typer.echo(attestation_page.text(note))
    if not found["ok"]:
        raise typer.Exit(EXIT_LEAK)


@app.command("check")
def check(file: NoteFile, key: KeyFile, json: Json = False) -> None:
    """Check an attestation's signature with the log's public key alone; exits 1 when it does not hold.

    After a key was replaced, 'appliance audit key --chain' prints all that signed.
    """
    try:
        values = _checked(_read(file), KeyRing.parse(_read(key)))
    except (NoteError, Unsound) as error:
        if json:
            output.as_json({"ok": False, "problem": str(error)})
        else:
            typer.echo(f"BAD: {error}.")
        raise typer.Exit(EXIT_LEAK) from None
    clean = values["leaked"] == "0"
    if json:
        output.as_json({"ok": True, **values})
    else:
        signed = f"signed {values['time']} by {values['product']} on {values['kernel']}"
        typer.echo(
            f"OK: {signed}; level {values['level']}, {values['leaked']} of {values['techniques']} leaked."
        )
    if not clean:
        raise typer.Exit(EXIT_LEAK)


def _checked(note: str, ring: KeyRing) -> dict[str, Any]:
    """Its values, signed by one of the keys that were in office. NoteError when by none."""
    failure = NoteError("no key")
    for _, keys in reversed(ring.in_office()):
        try:
            return attestation.check(note, keys.first)
        except NoteError as error:
            failure = error
    raise failure


app.command("rules")(egress_rules.rules)


def _verdict(found: Any) -> str:
    leaks = sum(row["outcome"] == "LEAKED" for row in found["rows"])
    heard = f"; heard outside: {one_line(', '.join(found['heard']))}" if found["heard"] else ""
    word = "OK" if found["ok"] else "LEAKED"
    return f"{word}: {leaks} of {len(found['rows'])} got out, {len(found['void'])} not tried{heard}."


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(N_("%(path)s cannot be read as text."), path=path) from None


def _ask(data: Data, question: Question, patience_s: float) -> Any:
    """The last answer of the running product. Unavailable (exit 3) when there is none."""
    settings = config.load({"data": data})
    answers = list(door.ask(settings.run_folder, question, patience_s))
    return msgspec.json.decode(answers[-1].value)


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
