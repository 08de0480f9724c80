"""`appliance policy`: try detectors and documents, bring them into force, look back, go back."""

import json as json_text
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import typer

from appliance.admin.policies import CLOSED_FILE
from appliance.cli import output, policy_drafts
from appliance.cli.house import OPERATOR, House, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.policy_set import Code, allowed, must_be_a_folder, policies_of, texts_of
from appliance.config import share_folder
from appliance.core import Permission
from appliance.policy import schema as schemas
from appliance.policy.destinations import unresolved
from appliance.policy.detectors.finding import Finding
from appliance.policy.detectors.scan import scan as scan_text
from appliance.policy.documents import check as check_folder
from appliance.policy.documents import load

app = typer.Typer(
    help="Policies: check, diff, replay, apply, history, rollback; drafts; scan a text.", no_args_is_help=True
)

_SEOUL = timezone(timedelta(hours=9))

Folder = Annotated[Path, typer.Argument(help="A folder with some or all of the policy files.")]
Note = Annotated[str, typer.Option(help="Why, for the history.")]


@app.command()
def scan(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    policies: Annotated[
        Path | None, typer.Option(help="A policies folder: its own terms and patterns are found too.")
    ] = None,
) -> None:
    """Read lines from standard input; say what the detectors find in each.

    Offsets count characters of the line from 0, end exclusive. Nothing is kept or logged.
    """
    today = datetime.now(_SEOUL).date()
    own = load(share_folder("policies"), policies).own if policies is not None else None
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        found = scan_text(line, today, own)
        if as_json:
            typer.echo(json_text.dumps({"findings": [_as_dict(one) for one in found]}, ensure_ascii=False))
        else:
            typer.echo("; ".join(f"{one.type} {one.level.name} {one.start}-{one.end}" for one in found))


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="A policies folder; without one the shipped policies are checked.")
    ] = None,
    json: Json = False,
) -> None:
    """Validate a policies folder; files it does not have are the shipped ones. Exits 1 when one is wrong."""
    if folder is not None:
        must_be_a_folder(folder)
    policy, problems = check_folder(share_folder("policies"), folder)
    if policy is not None:
        problems = unresolved(share_folder("policies"), folder)
    good = policy is not None and not problems
    if json:
        listed = [{"file": str(one.file), "line": one.line, "problem": str(one)} for one in problems]
        output.as_json({"valid": good, "revision": policy.revision if policy else "", "problems": listed})
    else:
        for problem in problems:
            output.complain(problem)
    if policy is None or problems:
        raise typer.Exit(1)
    if not json:
        typer.echo(f"revision {policy.revision}")


@app.command()
def diff(
    folder: Folder,
    data: Data = None,
    text: Annotated[bool, typer.Option("--text", help="Line by line instead of rule by rule.")] = False,
    json: Json = False,
) -> None:
    """What these files would change against the revision in force."""
    with open_house(data) as house:
        policies = policies_of(house)
        found = policies.difference(texts_of(policies, folder))
    if json:
        output.as_json({"rules": found.rules, "text": found.texts})
        return
    if text:
        for lines in found.texts.values():
            typer.echo("\n".join(lines))
        return
    if not found.rules:
        typer.echo("No rule would change.")
    for change in found.rules:
        typer.echo(f"{change.document} {change.rule}: {change.change}")
        for name, old, new in change.fields:
            typer.echo(f"  {name}: {_value(old)} -> {_value(new)}")


@app.command()
def replay(
    folder: Folder,
    data: Data = None,
    days: Annotated[int, typer.Option(min=1, max=1095, help="How many days back.")] = 7,
    json: Json = False,
) -> None:
    """Decide the requests of the last days again under these files, from counts only."""
    with open_house(data) as house:
        policies = policies_of(house)
        found = policies.replay(OPERATOR, texts_of(policies, folder), days)
    if json:
        output.as_json(found)
        return
    typer.echo(f"{found.requests} requests, {found.changed} would end otherwise, for {found.people} people.")
    typer.echo("Terms and patterns that are new here were not looked for then; 'policy try' does.")
    for before, after, count in found.kinds:
        typer.echo(f"  {before} -> {after}: {count}")
    for rule, count in found.rules:
        typer.echo(f"  {rule}: {count}")


@app.command()
def apply(
    folder: Folder,
    data: Data = None,
    note: Note = "",
    expect: Annotated[
        int | None, typer.Option(help="Only if this revision is in force; for scripts.", show_default=False)
    ] = None,
    approver: Annotated[
        str, typer.Option(help="Who approves it, where a second person must; their password is asked.")
    ] = "",
    code: Code = "",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Bring these files into force, in a running product within a second.

    A file that the folder does not have stays as it is. Exits 1 when something is wrong with them;
    nothing is changed then.
    """
    with open_house(data) as house:
        policies = policies_of(house)
        texts = texts_of(policies, folder)
        before = policies.revisions.texts(policies.revisions.number())
        approved = ""
        if approver:
            with allowed(house, approver, Permission.POLICY_APPROVE, password_file, code) as person:
                approved = person.user_id
        made = policies.apply(OPERATOR, texts, note, expect, approved)
        dialling = texts.get(CLOSED_FILE) != before.get(CLOSED_FILE)
        if dialling:
            _keep_for_the_start(house, texts[CLOSED_FILE])
    if json:
        output.as_json(made)
        return
    typer.echo(f"revision {made.number} {made.content_hash}")
    if dialling:
        typer.echo("egress.yaml takes effect when the product is started again.")


@app.command()
def history(data: Data = None, json: Json = False) -> None:
    """Every revision, the newest first."""
    with open_house(data) as house:
        found = policies_of(house).revisions.history()
        names = {account.id: account.name for account in house.accounts.list()}
    if json:
        output.as_json(found)
        return
    rows = [
        (
            one.number, one.content_hash[:12], one.activated_at,
            names.get(one.author, one.author), names.get(one.approver, one.approver), one.note,
        )
        for one in found
    ]  # fmt: skip
    output.table([("REVISION", "HASH", "ACTIVATED", "BY", "APPROVED BY", "NOTE"), *rows])


@app.command()
def rollback(
    number: Annotated[int, typer.Argument(help="The revision to go back to.", min=1)],
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a new revision that equals an old one."""
    with open_house(data) as house:
        policies = policies_of(house)
        made = policies.roll_back(OPERATOR, number, policies.revisions.number())
        _keep_for_the_start(house, policies.revisions.texts(made.number)[CLOSED_FILE])
    if json:
        output.as_json(made)
        return
    typer.echo(f"revision {made.number} {made.content_hash}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to write the files of the revision.")],
    data: Data = None,
    number: Annotated[
        int | None, typer.Option(help="Which revision.", show_default="the one in force")
    ] = None,
) -> None:
    """Write the files of a revision into a folder, to edit them or keep them in git."""
    with open_house(data) as house:
        revisions = policies_of(house).revisions
        texts = revisions.texts(revisions.number() if number is None else number)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        (folder / name).write_text(content, "utf-8")
    typer.echo(str(folder))


@app.command()
def schema(folder: Annotated[Path, typer.Argument(help="Where to write the schema files.")]) -> None:
    """Write the JSON Schemas that editors use to check policy files."""
    schemas.write(folder)


policy_drafts.add_to(app)


def _keep_for_the_start(house: House, text: str) -> None:
    """Where the product may dial is read from the data folder before any process of it exists."""
    folder = house.settings.data / "policies"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / CLOSED_FILE).write_text(text, "utf-8")


def _value(value: object) -> str:
    return "-" if value is None else json_text.dumps(value, ensure_ascii=False)


def _as_dict(finding: Finding) -> dict[str, object]:
    return {
        "type": finding.type.value,
        "level": finding.level.name,
        "start": finding.start,
        "end": finding.end,
        "rule": finding.rule,
    }
