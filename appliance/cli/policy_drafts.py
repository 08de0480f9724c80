"""`appliance policy draft|drafts|propose|approve|try|end-trial|activate|discard`: the console's steps.

The same rules hold as there: nobody approves what they wrote, and where a second person must
approve nothing comes into force without it.
"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import output
from appliance.cli.house import OPERATOR, open_house
from appliance.cli.options import Data, Json, PasswordFile
from appliance.cli.policy_set import Code, allowed, policies_of, texts_of
from appliance.core import Permission
from appliance.errors import N_, InvalidInput
from appliance.policy.drafts import Draft

_SEOUL = timezone(timedelta(hours=9))

DraftId = Annotated[str, typer.Argument(help="The draft's id, as `drafts` shows it.")]


def add_to(app: typer.Typer) -> None:
    """Make the commands of drafts known."""
    for command in (draft, drafts, propose, approve, activate, discard):
        app.command()(command)
    app.command("try")(try_out)
    app.command("end-trial")(end_trial)


def draft(
    folder: Annotated[Path, typer.Argument(help="A folder with some or all of the policy files.")],
    data: Data = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    author: Annotated[
        str, typer.Option(help="Who wrote it; their password is asked. Otherwise the operator.")
    ] = "",
    code: Code = "",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Keep these files as a draft of the next revision; nothing changes for anybody."""
    with open_house(data) as house:
        policies = policies_of(house)
        texts = texts_of(policies, folder)
        if author:
            with allowed(house, author, Permission.POLICY_EDIT, password_file, code) as person:
                made = policies.start(person, note, texts)
        else:
            made = policies.start(OPERATOR, note, texts)
    _tell(made, as_json=json)


def drafts(data: Data = None, json: Json = False) -> None:
    """Every draft that may still become a revision."""
    with open_house(data) as house:
        found = policies_of(house).drafts()
        names = {account.id: account.name for account in house.accounts.list()}
    if json:
        output.as_json([_plain(one) for one in found])
        return
    rows = [
        (one.id, one.state, one.base, names.get(one.author, one.author), one.activate_at, one.note)
        for one in found
    ]
    output.table([("DRAFT", "STATE", "FROM", "BY", "ACTIVATES", "NOTE"), *rows])


def propose(draft_id: DraftId, data: Data = None, json: Json = False) -> None:
    """Ask somebody else to approve a draft."""
    with open_house(data) as house:
        made = policies_of(house).propose(OPERATOR, draft_id)
    _tell(made, as_json=json)


def approve(
    draft_id: DraftId,
    user: Annotated[str, typer.Option(help="Who approves: somebody else than the author.")],
    data: Data = None,
    code: Code = "",
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """The second person's yes, given with their password."""
    with (
        open_house(data) as house,
        allowed(house, user, Permission.POLICY_APPROVE, password_file, code) as person,
    ):
        made = policies_of(house).approve(person, draft_id)
    _tell(made, as_json=json)


def activate(
    draft_id: DraftId,
    data: Data = None,
    at: Annotated[
        str, typer.Option(help="When, as 2026-11-30T18:00 in Seoul or with an offset; otherwise now.")
    ] = "",
    json: Json = False,
) -> None:
    """Bring a draft into force, now or at a time to come (a running product does it then)."""
    with open_house(data) as house:
        policies = policies_of(house)
        if at:
            _tell(policies.schedule(OPERATOR, draft_id, _time(at)), as_json=json)
            return
        made = policies.activate(OPERATOR, draft_id)
    if json:
        output.as_json(made)
        return
    typer.echo(f"revision {made.number} {made.content_hash}")


def discard(draft_id: DraftId, data: Data = None) -> None:
    """Drop a draft."""
    with open_house(data) as house:
        policies_of(house).discard(OPERATOR, draft_id)
    typer.echo(f"{draft_id} discarded")


def try_out(draft_id: DraftId, data: Data = None, json: Json = False) -> None:
    """Report only: requests are decided by the draft as well, and what would differ is recorded."""
    with open_house(data) as house:
        made = policies_of(house).try_out(OPERATOR, draft_id)
    _tell(made, as_json=json)


def end_trial(draft_id: DraftId, data: Data = None, json: Json = False) -> None:
    """End a trial and show what it counted."""
    with open_house(data) as house:
        policies = policies_of(house)
        made = policies.end_trial(OPERATOR, draft_id)
        counts = policies.tried(draft_id)
    if json:
        output.as_json({**_plain(made), "counts": counts})
        return
    _tell(made, as_json=False)
    for was, would, count in counts:
        typer.echo(f"  {was} -> {would}: {count}")


def _plain(made: Draft) -> dict[str, object]:
    """A draft without its files."""
    return {name: value for name, value in output.plain(made).items() if name != "files"}


def _tell(made: Draft, *, as_json: bool) -> None:
    if as_json:
        output.as_json(_plain(made))
    else:
        typer.echo(f"{made.id} {made.state}")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(N_("Give a date and a time, as in 2026-03-02T18:00."), field="at") from None
    return (at if at.tzinfo else at.replace(tzinfo=_SEOUL)).astimezone(UTC)
