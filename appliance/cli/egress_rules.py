"""`appliance egress rules`: the outer wall for this installation."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from appliance import config
from appliance.cli import output
from appliance.cli.options import Data
from appliance.egress import rules as outer_wall
from appliance.errors import N_, ConfigError

Folder = Annotated[
    Path | None, typer.Option("--out", help="Write naesil.service and naesil.nft into this folder.")
]
User = Annotated[str, typer.Option("--user", help="The user the service runs as.")]


def rules(data: Data = None, user: User = "naesil", out: Folder = None) -> None:
    """Print a systemd unit and an nftables table for the destinations of egress.yaml, or write them."""
    from appliance.policy.destinations import load_destinations  # noqa: PLC0415 - large, and only for this

    settings = config.load({"data": data})
    _, destinations = load_destinations(config.share_folder("policies"), settings.policies_folder)
    site = outer_wall.Site(
        program=Path(sys.executable).parent / "appliance",
        data=settings.data,
        user=_checked(user),
        destinations=destinations,
        name_servers=outer_wall.name_servers(),
        libraries=outer_wall.libraries(),
    )
    if out is not None:
        output.folder(out)
    for name, text in (
        (outer_wall.UNIT_FILE, outer_wall.unit(site)),
        (outer_wall.TABLE_FILE, outer_wall.table(site)),
    ):
        if out is None:
            typer.echo(f"# ---- {name}\n{text}")
        else:
            output.write(out / name, text)
            typer.echo(str(out / name))


def _checked(user: str) -> str:
    if not user.replace("-", "").replace("_", "").isalnum() or not user.isascii():
        raise ConfigError(N_("'%(user)s' is not a user's name."), user=user)
    return user
