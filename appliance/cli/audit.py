"""`appliance audit`: the log."""

from contextlib import suppress

import typer

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.verify import Report, verify
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.core import Outcome
from appliance.egress.sealer import HEAD_FILE, read_head, read_verifier
from appliance.errors import StorageFailed
from appliance.protocol.sealing import Head

app = typer.Typer(help="The audit log.", no_args_is_help=True)

EXIT_BAD_LOG = 1


@app.callback()
def group() -> None:
    """The audit log."""


@app.command("verify")
def verify_log(data: Data = None, json: Json = False) -> None:
    """Check every entry, hash and signature; exits 1 and names the first changed entry."""
    with open_house(data) as house:
        report = check(house)
        if json:
            output.as_json(report)
        else:
            typer.echo(sentence(report))
        if not report.ok:
            with suppress(StorageFailed):  # a log this bad may take no entry; the finding stands
                record(house, Outcome.FAILED)
            raise typer.Exit(EXIT_BAD_LOG)
        record(house, Outcome.ALLOWED)


def check(house: House) -> Report:
    """Verify the house's log under its public key and the last head its sealer signed."""
    keys = house.settings.keys_folder
    verifier = read_verifier(keys)
    size, root = read_head(keys / HEAD_FILE)
    return verify(house.database, verifier, Head(size, root, str(verifier)))


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
