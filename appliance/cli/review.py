"""`appliance audit review`: the month's review, and its sign-off by an auditor's password."""

from typing import Annotated

import typer

from appliance.admin.auditing import thresholds
from appliance.audit.review import Review
from appliance.audit.reviews import Reviews
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.secrets import read_password
from appliance.cli.signed_in import signed_in
from appliance.core import Permission


def review(
    month: Annotated[str, typer.Option(help="Month as 2026-11; otherwise the last one that is over.")] = "",
    sign: Annotated[str, typer.Option(help="Name of the auditor who has read it and signs.")] = "",
    note: Annotated[str, typer.Option(help="What was done about the findings.")] = "",
    code: Annotated[str, typer.Option(help="The second factor's code, if the auditor has one.")] = "",
    data: Data = None,
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Show a month's review: figures and what is worth a look; with --sign, record that it was read."""
    with open_house(data) as house:
        reviews = Reviews(house.database, house.audit, house.clock, lambda: thresholds(house.policy.current))
        month = month or reviews.last_month()
        made = reviews.make(OPERATOR, month)
        if sign:
            with signed_in(house, sign, read_password(password_file), code) as auditor:
                house.gate.require(auditor, Permission.AUDIT_REVIEW)
                reviews.sign(auditor, month, made.sha256, note)
        signed = [one for one in reviews.signatures() if one.month == month]
        if json:
            output.as_json({"review": made, "sha256": made.sha256, "signatures": signed})
        else:
            _print(house, made)
            for one in signed:
                typer.echo(f"signed by {_name(house, one.actor_id)} at {one.time} {one.note}".rstrip())


def _print(house: House, made: Review) -> None:
    typer.echo(f"{made.month}: {made.entries} entries, {made.people} people, sha256 {made.sha256}")
    rows = [
        (
            one.kind,
            " ".join(_name(house, part) for part in one.who.split(" ")) or "-",
            one.count,
            one.first,
            one.last,
        )
        for one in made.findings
    ]
    if rows:
        output.table([("FINDING", "WHO", "COUNT", "FIRST", "LAST"), *rows])


def _name(house: House, user_id: str) -> str:
    names = {account.id: account.name for account in house.accounts.list()}
    return names.get(user_id, user_id)
