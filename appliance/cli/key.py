"""`appliance key`: API keys."""

from datetime import timedelta
from typing import Annotated

import typer

from appliance.audit.actions import AuditAction
from appliance.cli import output
from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, Json
from appliance.core import KeyScope

app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)

User = Annotated[str, typer.Option(help="Name of the key's owner.")]


@app.command()
def create(
    user: User,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    expires_days: Annotated[int | None, typer.Option(help="Days until it ends.", min=1, max=3650)] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated.")] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help="Only this endpoint, as in chat.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="Only from this network.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a key and print it, this once."""
    with open_house(data) as house:
        expires_at = house.clock.now() + timedelta(days=expires_days) if expires_days else None
        scope = KeyScope(frozenset(model or ()), frozenset(endpoint or ()))
        key, secret = house.keys.create(
            OPERATOR, house.accounts.find(user).id, label, expires_at, scope, address or ()
        )
    if json:
        output.as_json({"key": secret, "id": key.id, "label": key.label})
    else:
        typer.echo(secret)


@app.command("list")
def list_keys(user: User, data: Data = None, json: Json = False) -> None:
    """Show a person's keys, without their secrets."""
    with open_house(data) as house:
        owner = house.accounts.find(user).id
        house.reads.record(OPERATOR, AuditAction.KEYS_READ, f"user:{owner}", owner)
        keys = house.keys.list(owner)
    if json:
        output.as_json(keys)
    else:
        rows = [(key.id, key.label, key.created_at, key.used_at) for key in keys]
        output.table([("ID", "LABEL", "CREATED", "LAST USE"), *rows])


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")], user: User, data: Data = None
) -> None:
    """End a key at once."""
    with open_house(data) as house:
        house.keys.revoke(OPERATOR, house.accounts.find(user).id, key_id)
    typer.echo(f"{key_id}: revoked")
