"""`appliance init`: the first run without a browser."""

from typing import Annotated

import typer

from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, PasswordFile
from appliance.cli.secrets import read_password


def init(
    admin: Annotated[str, typer.Option(help="Name of the first administrator.")],
    data: Data = None,
    password_file: PasswordFile = None,
) -> None:
    """Make the data folder and its first administrator; refused when there is one."""
    with open_house(data, create=True) as house:
        account = house.accounts.create_first_administrator(
            OPERATOR.origin, admin, read_password(password_file)
        )
        typer.echo(f"{account.name}: administrator in {house.settings.data}")
