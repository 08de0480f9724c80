"""What the commands about policies share: the service, a folder's whole set, a person who is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from appliance.admin.policies import Policies
from appliance.cli import output
from appliance.cli.house import House
from appliance.cli.secrets import read_password
from appliance.cli.signed_in import signed_in
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput
from appliance.identity.house import Identity
from appliance.policy.files import PolicyFile, read_folder
from appliance.policy.revisions import Revisions, as_texts, shipped
from appliance.policy.yaml_text import PolicyError

Code = Annotated[str, typer.Option(help="The second factor's code of the person, if they have one.")]


@contextmanager
def allowed(
    house: House, name: str, permission: Permission, password_file: Path | None, code: str
) -> Iterator[Principal]:
    """Somebody who gave their password and may do this. Raises as the door and the policy do."""
    with signed_in(house, name, read_password(password_file), code) as person:
        house.gate.require(person, permission)
        yield person


def policies_of(house: House) -> Policies:
    identity: Identity = house.identity
    revisions = Revisions(house.database, house.audit, house.clock, house.policy)
    revisions.open(house.settings)
    return Policies(house.database, house.audit, house.clock, identity, revisions, house.policy)


def texts_of(policies: Policies, folder: Path) -> dict[str, str]:
    """The whole set that the folder asks for. Exits 1 after naming everything that is wrong with it."""
    must_be_a_folder(folder)
    current = policies.revisions.texts(policies.revisions.number())
    kept = {name: PolicyFile(Path(name), text.encode()) for name, text in current.items()}
    own, problems = read_folder(folder)
    files = {**kept, **own}
    if not problems:
        problems = list(policies.revisions.check(files, shipped()))
    if problems:
        complain(problems)
    return as_texts(files)


def complain(problems: list[PolicyError]) -> None:
    for problem in problems:
        output.complain(problem)
    raise typer.Exit(1)


def must_be_a_folder(folder: Path) -> None:
    if not folder.is_dir():
        output.complain(InvalidInput(N_("%(path)s is not a folder."), path=folder))
        raise typer.Exit(2)
