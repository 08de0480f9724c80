"""`appliance retention`: what is past its date, destroying it with a certificate, legal holds."""

from typing import Annotated

import typer

from appliance.admin.retention import Due, RetentionJob, number_of
from appliance.audit.actions import AuditAction
from appliance.chat.library import Library
from appliance.chat.transcript import Transcript
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.cli.progress import progress_bar
from appliance.storage.vault import Vault

app = typer.Typer(
    help="Retention: preview, run with a certificate; hold, holds, release.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The person's name.")]


@app.command()
def preview(data: Data = None, json: Json = False) -> None:
    """What is past its date and would be destroyed now; changes nothing."""
    with open_house(data) as house:
        due = _job(house).look(OPERATOR)
        names = _names(house)
    if json:
        output.as_json({"total": number_of(due), "due": due})
        return
    _show(due, names)


@app.command()
def run(
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    confirm: Annotated[
        int | None, typer.Option(help="The number of things that preview counts; for scripts.")
    ] = None,
    json: Json = False,
) -> None:
    """Destroy what is past its date, after the number of things is typed; prints the certificate."""
    with open_house(data) as house:
        job = _job(house)
        due = job.look(OPERATOR)
        total = number_of(due)
        if confirm is None and not yes and total:
            _show(due, _names(house))
            confirm = typer.prompt(f"Type {total} to destroy them", type=int, err=True)
        if confirm is not None:
            job.confirm(confirm)
        with progress_bar("Destroying") as bar:
            certificate = job.run(OPERATOR, bar.show)
    if json:
        output.as_json(certificate)
        return
    typer.echo(
        f"Destroyed {certificate.conversations} conversations and {certificate.decisions} decisions at "
        f"{certificate.destroyed_at.isoformat(timespec='seconds')}; {certificate.held_back} kept by a hold."
    )
    typer.echo(f"Keys destroyed: {certificate.keys_destroyed}.")
    typer.echo(
        f"The certificate is audit entry {certificate.entry_id}, policy {certificate.policy_revision}."
    )


@app.command()
def hold(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
    data: Data = None,
) -> None:
    """Keep everything of a person: nothing and nobody can destroy it until the hold is released."""
    with open_house(data) as house:
        _job(house).holds.place(OPERATOR, house.accounts.find(name).id, reason)
    typer.echo(f"Everything of {name} is kept.")


@app.command()
def release(name: Name, data: Data = None) -> None:
    """End a hold: the rules apply again."""
    with open_house(data) as house:
        _job(house).holds.lift(OPERATOR, house.accounts.find(name).id)
    typer.echo(f"The hold on {name} is released.")


@app.command()
def holds(data: Data = None, json: Json = False) -> None:
    """Every hold, the oldest first."""
    with open_house(data) as house:
        house.reads.record(OPERATOR, AuditAction.RETENTION_READ, "holds")
        found = _job(house).holds.list()
        names = _names(house)
    if json:
        output.as_json(found)
        return
    rows = [(names.get(one.user_id, one.user_id), one.placed_at, one.placed_by, one.reason) for one in found]
    output.table([("WHO", "SINCE", "BY", "REASON"), *rows])


def _job(house: House) -> RetentionJob:
    transcript = Transcript(Vault.open(house.settings.keys_folder, house.clock), house.clock)
    library = Library(house.database, transcript, house.audit, house.clock, tuple)
    return RetentionJob(house.database, house.audit, house.clock, house.identity, library, house.policy)


def _names(house: House) -> dict[str, str]:
    return {account.id: account.name for account in house.accounts.list()}


def _show(due: list[Due], names: dict[str, str]) -> None:
    if not due:
        typer.echo("Nothing is past its date.")
        return
    rows = [
        (
            one.keeps,
            names.get(one.user_id, one.user_id or "-"),
            one.data_class.value,
            one.rule,
            one.before,
            one.count,
            "held" if one.held else "",
        )
        for one in due
    ]
    output.table([("WHAT", "WHOSE", "CLASS", "RULE", "BEFORE", "NUMBER", ""), *rows])
