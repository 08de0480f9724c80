"""`appliance audit keygen | open`: on an auditor's machine, for texts that are sealed to their key.

Neither needs a data folder, a network or anything of the product's but its code. `audit opened` is for
the log's machine: it takes in the record that an opening left.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.audit.openings import Openings
from appliance.audit.sealing import seal_here
from appliance.cli import output
from appliance.cli.evidence import read_text
from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, Json
from appliance.errors import N_, ConfigError, NaesilError
from appliance.evidence.auditor import AuditorSecret, new_auditor, write_private
from appliance.evidence.faults import Fault, Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.opening import OpenedText, open_texts, printable
from appliance.evidence.openingrecord import opening_record
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import sentences
from appliance.storage.vault import Vault
from appliance.tlog.faults import NoteError

EXIT_BAD = 1


def keygen(
    out: Annotated[Path, typer.Option(help="File for the secret key; only its owner may read it.")],
    name: Annotated[str, typer.Option(help="Whose key it is; people are told this name.")] = "auditor",
    json: Json = False,
) -> None:
    """Make an auditor's key: the secret one into a file, the public one, for audit.yaml, printed."""
    try:
        secret = new_auditor(name)
    except NoteError:
        raise ConfigError(N_("A key's name has no spaces and no plus sign.")) from None
    _write(out, secret.text())
    if json:
        output.as_json({"file": out, "name": secret.public.name, "key": str(secret.public)})
    else:
        typer.echo(secret.public)


def open_sealed(
    file: Annotated[Path, typer.Argument(help="An export.")],
    key: Annotated[Path, typer.Option(help="File with the auditor's secret key.")],
    reason: Annotated[str, typer.Option(help="Why they are opened; part of the opening's record.")],
    log_key: Annotated[
        Path | None, typer.Option("--log-key", help="File with the log's public key: check the export first.")
    ] = None,
    since: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept elsewhere.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="File for the opening's record; otherwise beside the export.")
    ] = None,
    json: Json = False,
) -> None:
    """Open the texts that an export holds for an auditor; exits 1 when one is not as it was sealed."""
    try:
        secret = AuditorSecret.parse(read_text(key))
    except NoteError:
        raise ConfigError(N_("%(path)s holds no auditor's secret key."), path=key) from None
    if log_key is None:
        if since:
            raise ConfigError(N_("--since needs the log's public key: give --log-key."))
        typer.echo("Not checked: whether the export is what the log signed. Give --log-key.", err=True)
    else:
        _check(file, log_key, since or [])
    _record(file, secret, reason, record)
    opened, faults = [], []
    for one in _texts(file, secret):
        if isinstance(one, Fault):
            faults.append(one)
            typer.echo(f"BAD: {one.text()}", err=True)
        elif json:
            opened.append(one)
        else:
            typer.echo(_printed(one))
    if json:
        output.as_json(
            {
                "ok": not faults,
                "checked": log_key is not None,
                "texts": [one.as_dict() for one in opened],
                "faults": [{"code": one.code, "entry": one.entry, "text": one.text()} for one in faults],
            }
        )
    if faults:
        raise typer.Exit(EXIT_BAD)


def _texts(file: Path, secret: AuditorSecret) -> Iterator[OpenedText | Fault]:
    """Every text or fault; a file that is no export at all is one fault."""
    try:
        with file.open("rb") as stream:
            yield from open_texts(stream, secret)
    except Unsound as bad:
        yield bad.fault
    except OSError as error:
        raise _unreadable(file, error) from None


def _record(file: Path, secret: AuditorSecret, reason: str, out: Path | None) -> None:
    """Before anything is shown. Where nothing opens there is nothing to record."""
    now = datetime.now(UTC)
    try:
        with file.open("rb") as stream:
            text = opening_record(stream, secret, reason, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    except Unsound as bad:
        raise ConfigError(bad.fault.template) from None
    except OSError as error:
        raise _unreadable(file, error) from None
    path = out or file.with_name(f"{file.name}.{now:%Y%m%dT%H%M%SZ}.opened")
    if text:
        _write(path, text)
        typer.echo(f"Recorded in {path}: bring it to the log ('appliance audit opened').", err=True)


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text)
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be written: %(error)s."), path=path, error=error.strerror
        ) from None


def take_in(
    record: Annotated[Path, typer.Argument(help="The record that 'audit open' wrote.")], data: Data = None
) -> None:
    """Take in the record of an opening: an entry about each person whose texts were opened."""
    with open_house(data) as house:
        vault = Vault.open(house.settings.keys_folder, house.clock)
        found = Openings(
            house.database, vault, house.audit, lambda: seal_here(house.settings, house.database)
        ).take_in(OPERATOR, read_text(record))
    for subject, count in found.items():
        typer.echo(f"{subject}: {count}")


def _check(file: Path, log_key: Path, since: list[Path]) -> None:
    """The export is what the log signed; else say why not and end."""
    try:
        ring = KeyRing.parse(read_text(log_key))
        verdict = check_file(file, ring, since=since, now=time.time())
    except Unsound as bad:
        raise ConfigError(bad.fault.template, **dict[str, Any](bad.fault.params)) from None
    except OSError as error:
        raise _unreadable(file, error) from None
    if not verdict.ok:
        typer.echo("\n".join(sentences(verdict)), err=True)
        raise typer.Exit(EXIT_BAD)


def _unreadable(path: Path, error: OSError) -> NaesilError:
    return ConfigError(
        N_("%(path)s cannot be read: %(error)s."), path=error.filename or path, error=error.strerror
    )


def _printed(one: OpenedText) -> str:
    head = f"--- {one.entry} {one.time} {one.action} {one.outcome} {one.subject} {one.object}"
    return f"{printable(head)}\n{printable(one.text)}"
