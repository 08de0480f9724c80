"""`appliance witness`: watch another's log. `appliance audit witness`: whose cosignatures count for ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.audit.witnesses import Witnesses
from appliance.cli import output
from appliance.cli.evidence import Out, give, read_text
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.errors import N_, ConfigError
from appliance.evidence import witness as keeper
from appliance.evidence.faults import Unsound
from appliance.tlog.cosign import ED25519_COSIGNATURE, ML_DSA_44_COSIGNATURE

EXIT_REFUSED = 1

app = typer.Typer(help="Be a witness of other logs: cosign what extends what was seen.", no_args_is_help=True)
ours = typer.Typer(help="Witnesses of this log.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--dir", help="The witness's folder.")]


@app.command()
def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="A name like example.org/w1.")],
    ml_dsa: Annotated[bool, typer.Option("--ml-dsa", help="Sign with ML-DSA-44 instead of Ed25519.")] = False,
) -> None:
    """Make a witness and print its public key."""
    with _told():
        kind = ML_DSA_44_COSIGNATURE if ml_dsa else ED25519_COSIGNATURE
        typer.echo(keeper.init_witness(folder, name, kind))


@app.command()
def trust(folder: Folder, key: Annotated[Path, typer.Option(help="File with the log's public key.")]) -> None:
    """Watch the log of this key."""
    with _told():
        typer.echo(keeper.watch_log(folder, read_text(key)))


@app.command()
def cosign(
    request: Annotated[Path, typer.Argument(help="What 'appliance audit consistency' wrote.")],
    folder: Folder,
    out: Out = None,
) -> None:
    """Cosign the checkpoint in a request; exits 1 when it does not extend what was seen."""
    with _told():
        give(keeper.cosign(folder, read_text(request), int(time.time())), out)


@app.command()
def key(folder: Folder) -> None:
    """Print the witness's public key."""
    with _told():
        typer.echo(keeper.witness_key(folder))


@app.command()
def status(folder: Folder, json: Json = False) -> None:
    """Show the logs that are watched and the last checkpoint of each."""
    with _told():
        state = keeper.read_witness(folder)
    if json:
        output.as_json(state)
    else:
        rows = [(origin, log.size, log.root) for origin, log in sorted(state.logs.items())]
        output.table([("LOG", "ENTRIES", "ROOT"), *rows])


@ours.command("trust")
def trust_witness(
    key_file: Annotated[Path, typer.Argument(help="File with the witness's public key.")], data: Data = None
) -> None:
    """Let this witness's cosignatures count."""
    with open_house(data) as house:
        typer.echo(_witnesses(house).trust(OPERATOR, read_text(key_file)).name)


@ours.command("list")
def list_witnesses(data: Data = None, json: Json = False) -> None:
    """Show the trusted witnesses and how far each has cosigned."""
    with open_house(data) as house:
        found = _witnesses(house).list()
    if json:
        output.as_json(found)
    else:
        rows = [(one.name, one.size, one.added_at, one.key) for one in found]
        output.table([("WITNESS", "ENTRIES", "TRUSTED SINCE", "KEY"), *rows])


@ours.command()
def accept(
    file: Annotated[Path, typer.Argument(help="The cosigned checkpoint, or a witness's HTTP answer.")],
    request: Annotated[
        Path | None, typer.Option(help="What was sent; needed when FILE is the HTTP answer.")
    ] = None,
    data: Data = None,
) -> None:
    """Take in the cosignatures under a checkpoint of this log."""
    text = read_text(file)
    if request is not None:
        text = read_text(request).partition("\n\n")[2] + text
    with open_house(data) as house:
        for name, size in _witnesses(house).accept(OPERATOR, text):
            typer.echo(f"{name}: {size}")


def _witnesses(house: House) -> Witnesses:
    return Witnesses(house.database, house.audit, house.clock)


@contextmanager
def _told() -> Iterator[None]:
    """A witness's refusal is a finding (1); anything else that is wrong is wrong use (2)."""
    try:
        yield
    except Unsound as bad:
        if bad.fault.code in keeper.REFUSALS:
            typer.echo(f"BAD: {bad.fault.text()}", err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        raise ConfigError(bad.fault.template, **dict[str, Any](bad.fault.params)) from None
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be written: %(error)s."), path=error.filename, error=error.strerror
        ) from None
