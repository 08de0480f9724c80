"""Bringing a database to the schema this program speaks. All steps in one transaction.

A crash or an error half-way leaves the schema as it was: SQLite and PostgreSQL both roll
back table changes. A database that is not what its revision says is refused before anything is done.
"""

from typing import Protocol

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from appliance.config import share_folder
from appliance.errors import N_, ConfigError
from appliance.storage import recorded, shape
from appliance.storage.engine import Database


class Attendant(Protocol):
    """Stands by when data that are there are about to be changed; what it raises stops everything."""

    def before(self, session: Session, schema: str) -> None:
        """Keep a copy of what the session sees."""

    def after(self, session: Session, schema: str) -> None:
        """Record it, in the transaction of the change. `schema`: the old one."""


def upgrade(database: Database, attendant: Attendant | None = None) -> None:
    """Run what is missing. ConfigError when the database is newer than this program, or half-migrated.

    Takes the write lock only when there is something to do, and looks again under it: of two
    programs that start together one migrates and the other finds it done.
    """
    if recorded.is_current(database):
        return
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    with database.write() as session:
        present = revision(session)
        if present == newest:
            return
        if present is not None and present not in known:
            raise newer(present)
        check(session)
        if present is not None and attendant is not None:
            attendant.before(session, present)
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
        if present is not None and attendant is not None:
            attendant.after(session, present)


def create(session: Session, schema: str) -> None:
    """In an empty database, the tables of this revision, as they were then."""
    config = _config()
    config.attributes["connection"] = session.connection()
    command.upgrade(config, schema)


def knows(schema: str) -> bool:
    """Whether this program can make and bring up to date a database of that revision."""
    return schema in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def newer(schema: str) -> ConfigError:
    return ConfigError(
        N_(
            "The data were written by a newer version (schema %(schema)s). "
            "Install that version or restore an older backup."
        ),
        schema=schema,
    )


def check(session: Session) -> None:
    """ConfigError when the tables are not those of the recorded revision, which this program knows."""
    context = MigrationContext.configure(session.connection())
    heads = context.get_current_heads()
    if len(heads) > 1:
        raise recorded.half(", ".join(sorted(heads)), "alembic_version: several revisions")
    schema = heads[0] if heads else ""
    wanted, ours = _shapes(schema)
    found = list(shape.differences(shape.read(session.connection()), wanted, ours))
    if found:
        raise recorded.half(schema, "; ".join(found[:5]))


def head() -> str:
    """The newest schema revision this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """The revision of this database; None for an empty one."""
    with database.read() as session:
        return revision(session)


def revision(session: Session) -> str | None:
    """The revision of the database of this session; None for an empty one. ConfigError for several."""
    return recorded.revision(session)


def _shapes(schema: str) -> tuple[shape.Shape, shape.Shape]:
    """(of this revision, of the newest), from a database in memory that is made for it."""
    database = Database("sqlite://")
    try:
        with database.write() as session:
            if schema:
                create(session, schema)
            wanted = shape.read(session.connection())
            create(session, "head")
            return wanted, shape.read(session.connection())
    finally:
        database.close()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(share_folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
