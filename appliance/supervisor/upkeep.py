"""Before the first child starts: the database is brought to this program's schema, with a copy kept.

In a copy of this process, which ends with everything that reading the keys and the database left in it:
of the processes that go on none has seen them.
"""

import os
from contextlib import closing
from typing import Any

import msgspec

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.errors import N_, ConfigError, NaesilError, Unavailable
from appliance.storage.versions import newest
from appliance.supervisor.aside import aside, in_a_copy


class Failure(msgspec.Struct, frozen=True):
    """A message, as its template and what goes into it. `passing`: a later start may go well."""

    template: str
    params: dict[str, str]
    passing: bool


def prepare_database(settings: Settings) -> None:
    """Migrate if there is anything to migrate. ConfigError with what is wrong with the data; Unavailable
    when the database is not there just now."""
    if aside(lambda: _may_be_behind(settings), bool) is False:
        return
    said, status = in_a_copy(lambda pipe: _migrate(settings, pipe))
    if said:
        failure = msgspec.json.decode(said, type=Failure)
        kind = Unavailable if failure.passing else ConfigError
        raise kind(failure.template, **dict[str, Any](failure.params))
    if status:
        raise ConfigError(
            N_("The database could not be looked at (status %(status)d). Run 'appliance doctor'."),
            status=status,
        )


def _may_be_behind(settings: Settings) -> bool:
    """Whether looking closer is worth a process. An SQLite file says by itself which schema it has."""
    if settings.database_file is None:
        return True
    if not settings.database_file.exists():
        return False
    import sqlite3  # noqa: PLC0415 - only aside

    try:
        with closing(sqlite3.connect(f"file:{settings.database_file}?mode=ro", uri=True)) as file:
            return file.execute("SELECT version_num FROM alembic_version").fetchall() != [(newest(),)]
    except sqlite3.Error:
        return True  # the closer look says what it is


def _migrate(settings: Settings, pipe: int) -> int:
    from appliance.backup.automatic import bring_up_to_date  # noqa: PLC0415 - only this copy needs it
    from appliance.storage.engine import Database  # noqa: PLC0415
    from appliance.supervisor import web  # noqa: F401, PLC0415 - every table that it will use is looked at

    try:
        database = Database(settings.database_address)
        try:
            bring_up_to_date(settings, database, SystemClock())
        finally:
            database.close()
    except NaesilError as error:
        params = {name: str(value) for name, value in error.params.items()}
        failure = Failure(error.template, params, isinstance(error, Unavailable))
        os.write(pipe, msgspec.json.encode(failure))
    return 0
