"""Bringing a database to the schema this program speaks. All steps in one transaction.

A crash or an error half-way leaves the schema as it was: SQLite and PostgreSQL both roll
back table changes.
"""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from appliance.config import share_folder
from appliance.errors import N_, ConfigError
from appliance.storage.engine import Database


def upgrade(database: Database) -> None:
    """Run what is missing. ConfigError when the database was made by a newer program."""
    config = _config()
    with database.write() as session:
        connection = session.connection()
        present = MigrationContext.configure(connection).get_current_revision()
        if present == head():
            return
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if present is not None and present not in known:
            raise ConfigError(
                N_(
                    "The data were written by a newer version (schema %(schema)s). "
                    "Install that version or restore an older backup."
                ),
                schema=present,
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def head() -> str:
    """The newest schema revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    return str(revision)


def current(database: Database) -> str | None:
    """The revision of this database; None for an empty one."""
    with database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(share_folder("migrations")))
    config.set_main_option("path_separator", "os")
    return config
