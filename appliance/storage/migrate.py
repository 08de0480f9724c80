"""Bringing a database to the schema this program speaks. All steps in one transaction.

A crash or an error half-way leaves the schema as it was: SQLite and PostgreSQL both roll
back table changes.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from appliance.config import share_folder
from appliance.errors import N_, ConfigError
from appliance.storage.engine import Database


def upgrade(database: Database) -> None:
    """Run what is missing. ConfigError when the database was made by a newer program.

    Takes the write lock only when there is something to do, and looks again under it: of two
    programs that start together one migrates and the other finds it done.
    """
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with database.read() as session:
        if _revision(session) == newest:
            return
    known = {script.revision for script in scripts.walk_revisions()}
    with database.write() as session:
        present = _revision(session)
        if present is not None and present not in known:
            raise ConfigError(
                N_(
                    "The data were written by a newer version (schema %(schema)s). "
                    "Install that version or restore an older backup."
                ),
                schema=present,
            )
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")


def head() -> str:
    """The newest schema revision this program knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(database: Database) -> str | None:
    """The revision of this database; None for an empty one."""
    with database.read() as session:
        return _revision(session)


def _revision(session: Session) -> str | None:
    return MigrationContext.configure(session.connection()).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(share_folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
