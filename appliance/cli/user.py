"""`appliance user`: accounts."""

from typing import Annotated

import typer

from appliance.cli import output
from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.secrets import read_password
from appliance.core import Role

app = typer.Typer(help="Accounts: add, list, disable, enable, reset.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The person's name.")]


@app.command()
def add(
    name: Name,
    role: Annotated[list[Role] | None, typer.Option(help="Role; may be given several times.")] = None,
    data: Data = None,
    password_file: PasswordFile = None,
) -> None:
    """Make an account."""
    password = read_password(password_file)
    with open_house(data) as house:
        account = house.accounts.create(OPERATOR, name, password, frozenset(role or [Role.MEMBER]))
        typer.echo(f"{account.name}: {', '.join(sorted(account.roles))}")


@app.command("list")
def list_users(data: Data = None, json: Json = False) -> None:
    """Show all accounts."""
    with open_house(data) as house:
        accounts = house.accounts.list()
    if json:
        output.as_json(accounts)
        return
    rows = [
        (
            account.name,
            " ".join(sorted(account.roles)),
            "disabled" if account.disabled else "enabled",
            account.last_sign_in_at,
        )
        for account in accounts
    ]
    output.table([("NAME", "ROLES", "STATE", "LAST SIGN-IN"), *rows])


@app.command()
def disable(name: Name, data: Data = None) -> None:
    """Shut an account: its sessions and keys stop at once."""
    with open_house(data) as house:
        typer.echo(f"{house.accounts.disable(OPERATOR, name).name}: disabled")


@app.command()
def enable(name: Name, data: Data = None) -> None:
    """Open a disabled account again."""
    with open_house(data) as house:
        typer.echo(f"{house.accounts.enable(OPERATOR, name).name}: enabled")


@app.command()
def reset(name: Name, data: Data = None, password_file: PasswordFile = None) -> None:
    """Give an account another password; its sessions end."""
    password = read_password(password_file)
    with open_house(data) as house:
        typer.echo(f"{house.accounts.reset_password(OPERATOR, name, password).name}: password reset")
