"""Many people at once: a CSV file of names, roles and groups becomes accounts with invitations.

UTF-8 with a head line; `name` is needed, `roles` and `groups` hold names separated by ";". All
lines are looked at before the first account is made: a file with a mistake changes nothing.
"""

import csv
import io
from dataclasses import dataclass

from sqlalchemy.orm import Session

from appliance.core import SYSTEM, Principal, Role
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.identity.accounts import clean_name, fold
from appliance.identity.groups import Groups
from appliance.identity.links import Link, Links
from appliance.identity.roles import Roles
from appliance.storage.engine import Database

MOST_LINES = 5000
MOST_BYTES = 2_000_000
COLUMNS = ("name", "roles", "groups")
DEFAULT_ROLES = frozenset[str]({Role.MEMBER})


@dataclass(frozen=True, slots=True)
class Line:
    """One person to invite; `number` is the line in the file."""

    number: int
    name: str
    roles: frozenset[str]
    groups: tuple[str, ...]


class Importing:
    """The service. `bring_in` is one transaction: everybody in the file, or nobody."""

    def __init__(self, database: Database, links: Links, roles: Roles, groups: Groups) -> None:
        self._database = database
        self._links = links
        self._roles = roles
        self._groups = groups

    def bring_in(self, actor: Principal, data: bytes) -> list[Link]:
        """An account and a link for every line. InvalidInput names the first line that is wrong."""
        lines = parse(data, frozenset(self._roles.known()), actor)
        with self._database.write() as session:
            return [self._one(session, actor, line) for line in lines]

    def _one(self, session: Session, actor: Principal, line: Line) -> Link:
        try:
            link = self._links.invite_in(session, actor, line.name, line.roles)
            for name in line.groups:
                self._groups.join_in(session, actor, name, link.account.id)
        except NaesilError as error:
            raise _wrong(line.number, error) from None
        return link


def parse(data: bytes, known_roles: frozenset[str], actor: Principal) -> list[Line]:
    """The lines of the file. InvalidInput with the number of the first that cannot be used."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(N_("The file is too large: at most %(most)d bytes."), most=MOST_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(N_("The file is not UTF-8 text. Save it as 'CSV UTF-8'.")) from None
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        head = [cell.strip().lower() for cell in next(rows, [])]
        if "name" not in head or not set(head) <= set(COLUMNS) or len(set(head)) != len(head):
            raise InvalidInput(N_("The first line names the columns: name, roles, groups."))
        lines = [
            _line(number, dict(zip(head, row, strict=False)), known_roles, actor)
            for number, row in enumerate(rows, start=2)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error:
        raise InvalidInput(N_("The file is not valid CSV.")) from None
    if len(lines) > MOST_LINES:
        raise InvalidInput(N_("The file has more than %(most)d lines."), most=MOST_LINES)
    seen: set[str] = set()
    for line in lines:
        if fold(line.name) in seen:
            raise _wrong(line.number, InvalidInput(N_("The name is there twice.")))
        seen.add(fold(line.name))
    return lines


def _line(number: int, cells: dict[str, str], known_roles: frozenset[str], actor: Principal) -> Line:
    try:
        name = clean_name(cells.get("name", ""))
        roles = frozenset(_words(cells.get("roles", ""))) or DEFAULT_ROLES
        if unknown := sorted(roles - known_roles):
            raise InvalidInput(N_("There is no role '%(role)s'."), role=unknown[0])
        if Role.AUDITOR in roles and actor.kind != SYSTEM.kind:
            raise InvalidInput(N_("An auditor is made by two people, not by a file."))
    except InvalidInput as error:
        raise _wrong(number, error) from None
    return Line(number, name, roles, tuple(_words(cells.get("groups", ""))))


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(";") if word.strip()]


def _wrong(number: int, error: NaesilError) -> InvalidInput:
    return InvalidInput(N_("Line %(number)d: %(problem)s"), number=number, problem=error.text)
