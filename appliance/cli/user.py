"""`appliance user`: accounts, their roles and groups, invitations, the sealed emergency code."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.audit.actions import AuditAction
from appliance.cli import output
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.secrets import read_password
from appliance.core import Role
from appliance.errors import N_, ConfigError
from appliance.identity import emergency
from appliance.identity.links import Link

app = typer.Typer(
    help="Accounts: add, list, invite, import, roles, groups, disable, enable, reset, emergency.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The person's name.")]
RoleNames = Annotated[list[str] | None, typer.Option("--role", help="Role; may be given several times.")]
MustChange = Annotated[
    bool, typer.Option("--must-change", help="Ask for another password at the next sign-in.")
]


@app.command()
def add(
    name: Name,
    role: RoleNames = None,
    service: Annotated[
        bool, typer.Option("--service", help="For programs: only API keys, no password.")
    ] = False,
    must_change: MustChange = False,
    data: Data = None,
    password_file: PasswordFile = None,
) -> None:
    """Make an account."""
    password = "" if service else read_password(password_file)
    with open_house(data) as house:
        roles = _known_roles(house, role or [Role.MEMBER])
        if service:
            account = house.accounts.create_service(OPERATOR, name, roles)
        else:
            account = house.accounts.create(OPERATOR, name, password, roles, must_change=must_change)
        typer.echo(f"{account.name}: {', '.join(sorted(account.roles))}")


@app.command("list")
def list_users(data: Data = None, json: Json = False) -> None:
    """Show all accounts."""
    with open_house(data) as house:
        house.reads.record(OPERATOR, AuditAction.USERS_READ, "users")
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
def invite(name: Name, role: RoleNames = None, data: Data = None, json: Json = False) -> None:
    """Make an account and print the path of the page where its owner chooses a password."""
    with open_house(data) as house:
        link = house.identity.links.invite(OPERATOR, name, _known_roles(house, role or [Role.MEMBER]))
    _print_links([link], json=json)


@app.command("import")
def import_people(
    file: Annotated[Path, typer.Argument(help="CSV with the columns name, roles, groups.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Invite everybody in a CSV file, or nobody if a line is wrong."""
    try:
        content = file.read_bytes()
    except OSError:
        raise ConfigError(N_("The file %(path)s cannot be read."), path=file) from None
    with open_house(data) as house:
        links = house.identity.importing.bring_in(OPERATOR, content)
    _print_links(links, json=json)


@app.command()
def roles(
    name: Name,
    role: Annotated[list[str], typer.Option("--role", help="The roles from now on; give each.")],
    data: Data = None,
) -> None:
    """Give an account other roles. The auditor's role then waits for an administrator's agreement."""
    with open_house(data) as house:
        account = house.accounts.find(name)
        done = house.identity.roles.set(OPERATOR, account.id, _known_roles(house, role))
    typer.echo(f"{account.name}: {'set' if done else 'waits for a second person'}")


@app.command()
def agree(name: Name, data: Data = None) -> None:
    """Agree, as the second person, to the roles that were asked for somebody."""
    with open_house(data) as house:
        account = house.accounts.find(name)
        waiting = [one for one in house.identity.roles.requests() if one.user_id == account.id]
        for request in waiting:
            house.identity.roles.agree(OPERATOR, request.id)
    typer.echo(f"{account.name}: {'agreed' if waiting else 'nothing was asked'}")


@app.command()
def group(
    name: Name,
    join: Annotated[str | None, typer.Option(help="Group to put the person into; made if missing.")] = None,
    leave: Annotated[str | None, typer.Option(help="Group to take the person out of.")] = None,
    data: Data = None,
) -> None:
    """Put a person into a group or take them out; without an option, show their groups."""
    with open_house(data) as house:
        account, groups = house.accounts.find(name), house.identity.groups
        if join is not None:
            if join not in {one.name for one in groups.list()}:
                groups.create(OPERATOR, join)
            groups.join(OPERATOR, join, account.id)
        if leave is not None:
            groups.leave(OPERATOR, leave, account.id)
        typer.echo(f"{account.name}: {', '.join(sorted(groups.of(account.id))) or '-'}")


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
def reset(
    name: Name, must_change: MustChange = False, data: Data = None, password_file: PasswordFile = None
) -> None:
    """Give an account another password; its sessions end."""
    password = read_password(password_file)
    with open_house(data) as house:
        account = house.accounts.reset_password(OPERATOR, name, password, must_change=must_change)
        typer.echo(f"{account.name}: password reset")


@app.command("second-factor-off")
def second_factor_off(name: Name, data: Data = None) -> None:
    """Forget the second factor of somebody who lost their phone and their recovery codes."""
    with open_house(data) as house:
        account = house.accounts.find(name)
        house.identity.second_factor.turn_off(OPERATOR, account.id)
    typer.echo(f"{account.name}: second factor off")


@app.command("emergency")
def emergency_code(data: Data = None, json: Json = False) -> None:
    """Make the one-time code of the emergency account, once; print it, seal it, lock it away."""
    with open_house(data) as house:
        name, code = emergency.new_code(house.database, house.accounts, house.audit, OPERATOR)
    if json:
        output.as_json({"name": name, "code": code})
    else:
        typer.echo(f"{name}: {code}")


def _known_roles(house: House, names: list[str]) -> frozenset[str]:
    known = house.identity.roles.known()
    for name in names:
        if name not in known:
            raise ConfigError(
                N_("There is no role '%(role)s'. Known: %(known)s."), role=name, known=", ".join(known)
            )
    return frozenset(str(name) for name in names)


def _print_links(links: list[Link], *, json: bool) -> None:
    rows = [{"name": link.account.name, "path": f"/welcome/{link.token}", "expires_at": link.expires_at}
            for link in links]  # fmt: skip
    if json:
        output.as_json(rows)
    else:
        output.table(
            [("NAME", "PATH", "UNTIL"), *((row["name"], row["path"], row["expires_at"]) for row in rows)]
        )
