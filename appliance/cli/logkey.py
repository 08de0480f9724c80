"""`appliance audit key | rotate-key`: the log's public keys, and a new one."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from appliance.audit.keychange import KeyChange, KeyKeeper
from appliance.audit.publickeys import read_public_keys
from appliance.audit.sealing import seal_here
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json
from appliance.egress.sealer import LocalSealer
from appliance.errors import Unavailable
from appliance.protocol.control import PrepareLogKey, ReplaceLogKey
from appliance.protocol.sealing import Replaced
from appliance.supervisor import door

PATIENCE_S = 20.0


class RunningKeeper:
    """The sealer of the running product, asked through its control socket."""

    def __init__(self, run_folder: Path) -> None:
        self._run_folder = run_folder

    def prepare(self, *, second: bool | None = None) -> str:
        (answer,) = door.ask(self._run_folder, PrepareLogKey(second), PATIENCE_S)
        return msgspec.json.decode(answer.value, type=str)

    def replace(self, keys: str) -> Replaced:
        (answer,) = door.ask(self._run_folder, ReplaceLogKey(keys), PATIENCE_S)
        return msgspec.json.decode(answer.value, type=Replaced)


def key(
    data: Data = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="With the statements that replaced earlier keys.")
    ] = False,
) -> None:
    """Print the log's public key, which an auditor keeps elsewhere."""
    with open_house(data) as house:
        keys = read_public_keys(house.settings.keys_folder)
        typer.echo(keys.text + (keys.replaced if chain else ""), nl=False)


def rotate_key(
    reason: Annotated[str, typer.Option(help="Why; recorded in the log.")],
    ml_dsa: Annotated[
        bool | None,
        typer.Option("--ml-dsa/--no-ml-dsa", help="Sign with ML-DSA-44 as well. [default: as until now]"),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Replace the key that signs the log; old and new key both sign the change, running or not."""
    with open_house(data) as house:
        change = KeyChange(
            house.database, house.audit, _keeper(house), lambda: seal_here(house.settings, house.database)
        )
        keys, replaced = change.replace(OPERATOR, reason, second=ml_dsa)
    if json:
        output.as_json({"size": replaced.size, "keys": keys.splitlines(), "statement": replaced.statement})
    else:
        typer.echo(keys, nl=False)
        typer.echo(f"from entry {replaced.size} on; 'appliance audit key --chain' has the proof", err=True)


def _keeper(house: House) -> KeyKeeper:
    """Of the running product if there is one, or else of the folder."""
    running = RunningKeeper(house.settings.run_folder)
    try:
        running.prepare()
    except Unavailable:
        return LocalSealer(house.settings.keys_folder)
    return running
