"""`appliance backup create | verify | restore | key`: the house in one encrypted file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance import config
from appliance.audit.verify import Report
from appliance.backup import keys
from appliance.backup.check import check
from appliance.backup.create import Backups, Order
from appliance.backup.errors import Damaged
from appliance.backup.keys import Secret
from appliance.backup.reading import Content
from appliance.backup.restore import restore as bring_back
from appliance.backup.seal import Header
from appliance.cli import output
from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, Json
from appliance.cli.secrets import read_password
from appliance.clock import SystemClock
from appliance.errors import N_, ConfigError

app = typer.Typer(help="Backups: create, verify, restore.", no_args_is_help=True)

EXIT_BAD = 1

KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="Recovery key, as 'backup key' makes one.", show_default=False),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File whose first line is the passphrase; '-' reads standard input. Otherwise it is asked for.",
        show_default=False,
    ),
]
File = Annotated[Path, typer.Argument(help="The backup.")]


@app.callback()
def group() -> None:
    """Backups."""


@app.command()
def create(
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    data: Data = None,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    without_models: Annotated[
        bool, typer.Option("--without-models", help="Leave model files out; adapters are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Write database, keys, policies, settings and models into one encrypted file, while serving or not."""
    secret = _secret(key_file, passphrase_file, new=True)
    with open_house(data) as house:
        backups = Backups(house.settings, house.database, house.audit, house.clock)
        made = backups.create(OPERATOR, Order(out.absolute(), secret, models=not without_models))
    if json:
        output.as_json(made)
    else:
        typer.echo(f"{made.file}: {made.bytes} bytes, {made.files} files, {sum(made.rows.values())} rows")


@app.command()
def verify(
    file: File, key_file: KeyFile = None, passphrase_file: PassphraseFile = None, json: Json = False
) -> None:
    """Check every frame and the log inside, restoring nothing; exits 1 and says where it is damaged."""
    secret = _secret(key_file, passphrase_file, new=False)
    try:
        checked = check(file, secret)
    except Damaged as error:
        if json:
            output.as_json({"ok": False, "problem": str(error)})
        else:
            typer.echo(f"BAD: {error}")
        raise typer.Exit(EXIT_BAD) from None
    ok = checked.log is None or checked.log.ok
    _tell(checked.header, checked.content, checked.log, {"ok": ok}, json=json)
    if not ok:
        raise typer.Exit(EXIT_BAD)


@app.command()
def restore(
    file: File,
    data: Data = None,
    key_file: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    database_url: Annotated[
        str | None, typer.Option(help="An empty PostgreSQL database; otherwise SQLite.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Make a house from a backup, in a new or empty folder; all of it or nothing."""
    settings = config.load({"data": data, "database_url": database_url})
    secret = _secret(key_file, passphrase_file, new=False)
    done = bring_back(file, secret, settings, OPERATOR, SystemClock())
    _tell(done.header, done.content, done.log, {"data": str(settings.data)}, json=json)
    if not done.log.ok:
        raise typer.Exit(EXIT_BAD)


@app.command()
def key(out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")]) -> None:
    """Make a recovery key for --key-file. Whoever has it and a backup has everything: keep them apart."""
    keys.make_file(out)
    typer.echo(str(out))


def _secret(key_file: Path | None, passphrase_file: Path | None, *, new: bool) -> Secret:
    if key_file is not None and passphrase_file is not None:
        raise ConfigError(N_("Give --key-file or --passphrase-file, not both."))
    if key_file is not None:
        return keys.from_file(key_file)
    if passphrase_file is None and not sys.stdin.isatty():
        raise ConfigError(N_("Give --key-file or --passphrase-file; there is no terminal to ask on."))
    if passphrase_file is None and not new:
        return keys.passphrase(typer.prompt("Passphrase", hide_input=True), new=False)
    return keys.passphrase(read_password(passphrase_file), new=new)


def _tell(
    header: Header, content: Content, log: Report | None, first: Mapping[str, Any], *, json: bool
) -> None:
    rows = sum(content.rows.values())
    if json:
        shown = {name: getattr(header, name) for name in ("id", "created", "product", "schema", "database")}
        what = {"models": header.models, "files": content.files, "rows": content.rows}
        output.as_json({**first, **shown, **what, "log": log})
        return
    typer.echo(f"backup {header.id} of {header.created}: {content.files} files, {rows} rows")
    if log is None:
        typer.echo("log: not looked at, for it was written by a newer version")
    elif log.ok:
        typer.echo(f"log: OK, {log.entries} entries under {log.checkpoints} checkpoints")
    else:
        typer.echo(f"log: BAD: entry {log.first_bad}: {log.problem}")
