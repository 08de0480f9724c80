"""`appliance audit`: the log."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.publickeys import read_public_keys
from appliance.audit.verify import Report, verify
from appliance.cli import evidence, logkey, output, review, sealed, witness
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.core import Outcome
from appliance.egress.logfolder import HEAD_FILE, read_head
from appliance.errors import N_, ConfigError, StorageFailed
from appliance.evidence.faults import Unsound
from appliance.evidence.keys import KeyRing
from appliance.evidence.singlecheck import check_file, read_checkpoint
from appliance.evidence.verdict import sentences
from appliance.protocol.sealing import Head
from appliance.tlog.note import Checkpoint

app = typer.Typer(help="The audit log.", no_args_is_help=True)

EXIT_BAD_LOG = 1


@app.callback()
def group() -> None:
    """The audit log."""


app.command("export")(evidence.export)
app.command("key")(logkey.key)
app.command("rotate-key")(logkey.rotate_key)
app.command("verifier")(evidence.verifier)
app.command("proof")(evidence.proof)
app.command("certificate")(evidence.certificate)
app.command("consistency")(evidence.consistency)
app.command("checkpoint")(evidence.checkpoint)
app.command("disclose")(evidence.disclose_text)
app.command("keygen")(sealed.keygen)
app.command("open")(sealed.open_sealed)
app.command("opened")(sealed.take_in)
app.command("review")(review.review)
app.add_typer(witness.ours, name="witness")


@app.command("verify")
def verify_log(
    file: Annotated[
        Path | None, typer.Argument(help="An export, a proof, a checkpoint, a disclosure, a certificate.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="File with the log's public key, for FILE.")] = None,
    since: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept elsewhere.")] = None,
    witnesses: Annotated[
        list[Path] | None, typer.Option("--witness", help="File with a witness's public key.")
    ] = None,
    rotations: Annotated[
        list[Path] | None, typer.Option(help="Statements of replaced keys, for FILE: 'audit key --chain'.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes to check FILE with; 0: one per core.")] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check FILE, or the log in the data folder; exits 1 and names what is not as it was signed."""
    if file is not None:
        verify_file(file, key, since or [], witnesses or [], rotations or [], jobs, json=json)
        return
    with open_house(data) as house:
        report = check(house, since or [])
        if json:
            output.as_json(report)
        else:
            typer.echo(sentence(report))
        if not report.ok:
            with suppress(StorageFailed):  # a log this bad may take no entry; the finding stands
                record(house, Outcome.FAILED)
            raise typer.Exit(EXIT_BAD_LOG)
        record(house, Outcome.ALLOWED)


def verify_file(
    file: Path,
    key: Path | None,
    since: list[Path],
    witnesses: list[Path],
    rotations: list[Path],
    jobs: int,
    *,
    json: bool,
) -> None:
    """Check a file with what its auditor holds; no data folder is needed."""
    if key is None:
        raise ConfigError(N_("Give the log's public key with --key; 'appliance audit key' prints it."))
    try:
        ring = KeyRing.parse(*(evidence.read_text(path) for path in (key, *witnesses)))
        for path in rotations:
            ring = ring.following(evidence.read_text(path))
        verdict = check_file(file, ring, since=since, now=time.time(), jobs=jobs)
    except Unsound as bad:
        raise ConfigError(bad.fault.template, **dict[str, Any](bad.fault.params)) from None
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be read: %(error)s."), path=error.filename or file, error=error.strerror
        ) from None
    if json:
        output.as_json(verdict.as_dict())
    else:
        typer.echo("\n".join(sentences(verdict)))
    if not verdict.ok:
        raise typer.Exit(EXIT_BAD_LOG)


def check(house: House, since: list[Path]) -> Report:
    """Verify the house's log under its public keys, its sealer's last head, and outside checkpoints."""
    keys = house.settings.keys_folder
    ring = read_public_keys(keys).ring()
    old = [_outside(path, ring) for path in since]
    size, root = read_head(keys / HEAD_FILE)
    return verify(house.database, ring, Head(size, root, str(ring.log)), old)


def _outside(path: Path, ring: KeyRing) -> Checkpoint:
    """A checkpoint kept elsewhere; the command ends with 1 when it is not this log's."""
    try:
        return read_checkpoint(path, ring)
    except OSError as error:
        raise _unreadable(path, error) from None
    except Unsound as bad:
        typer.echo(f"BAD: {bad.fault.text()}")
        raise typer.Exit(EXIT_BAD_LOG) from None


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(N_("%(path)s cannot be read: %(error)s."), path=path, error=error.strerror)


def record(house: House, outcome: Outcome) -> None:
    """Record in the log that it was verified."""
    with house.database.write() as session:
        house.audit.append(
            session,
            Entry(
                action=AuditAction.AUDIT_VERIFIED, actor=OPERATOR, outcome=outcome, object="log", task="audit"
            ),
        )


def sentence(report: Report) -> str:
    """The report for a person."""
    if not report.ok:
        return f"BAD: entry {report.first_bad}: {report.problem}."
    covered = f"{report.entries} entries under {report.checkpoints} checkpoints"
    return f"OK: {covered}; {report.unsealed} not sealed yet."
