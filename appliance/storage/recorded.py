"""Which schema a database has, and whether it is this program's. Without Alembic: only a migration needs
it, and the process that serves would keep it, and all that it loads, for good.
"""

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from appliance.errors import N_, ConfigError
from appliance.storage import shape
from appliance.storage.base import Base
from appliance.storage.engine import Database
from appliance.storage.versions import newest

VERSION_TABLE = "alembic_version"


def is_current(database: Database) -> bool:
    """Whether there is nothing to migrate. ConfigError when a table that this process uses is not as the
    recorded revision says."""
    with database.read() as session:
        current = revision(session) == newest()
        if current:
            check_models(session)
        return current


def revision(session: Session) -> str | None:
    """The revision of the database of this session; None for an empty one. ConfigError for several."""
    if not inspect(session.connection()).has_table(VERSION_TABLE):
        return None
    heads = sorted(session.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars())  # noqa: S608 - our own name
    if len(heads) > 1:
        raise half(", ".join(heads), f"{VERSION_TABLE}: several revisions")
    return heads[0] if heads else None


def check_models(session: Session) -> None:
    """Every table and column that this process will use is there: cheap, so it is done at every start."""
    wanted = {table.name: frozenset(table.columns.keys()) for table in Base.metadata.tables.values()}
    there = shape.read(session.connection())
    found = {name: columns & wanted.get(name, frozenset()) for name, columns in there.items()}
    missing = list(shape.differences(found, wanted, {}))
    if missing:
        raise half(str(revision(session)), "; ".join(missing[:5]))


def half(schema: str, found: str) -> ConfigError:
    return ConfigError(
        N_(
            "The database was migrated only half-way: it is not of schema %(schema)s (%(found)s). "
            "Nothing was changed. Restore the newest backup, such as one of data folder/backups."
        ),
        schema=schema or "-",
        found=found,
    )
