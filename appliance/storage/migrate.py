"""Bringing a database to the schema this program speaks. All steps in one transaction.

A crash or an error half-way leaves the schema as it was: SQLite and PostgreSQL both roll
back table changes.
"""

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from appliance.config import share_folder
from appliance.errors import N_, ConfigError
from appliance.storage.engine import Database

Keep = Callable[[Session], None]
"""Keeps a copy of what the session sees, which is about to be changed."""


def upgrade(database: Database, keep: Keep = lambda _: None) -> None:
    """Run what is missing. ConfigError when the database was made by a newer program.

    `keep` is called before anything is changed, and nothing is when it fails. Takes the write lock
    only when there is something to do, and looks again under it: of two programs that start together
    one migrates and the other finds it done.
    """
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with database.read() as session:
        if revision(session) == newest:
            return
    known = {script.revision for script in scripts.walk_revisions()}
    with database.write() as session:
        present = revision(session)
        if present is not None:
            if present not in known:
                raise newer(present)
            keep(session)
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")


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


def head() -> str:
    """The newest schema revision this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """The revision of this database; None for an empty one."""
    with database.read() as session:
        return revision(session)


def revision(session: Session) -> str | None:
    """The revision of the database of this session; None for an empty one."""
    return MigrationContext.configure(session.connection()).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(share_folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
