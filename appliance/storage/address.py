"""Where the database is: its address in the one form the engine reads, its password never shown."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from appliance.errors import N_, ConfigError

POSTGRESQL = "postgresql+psycopg"


def parse(address: str) -> URL:
    """The address of an SQLite file or a PostgreSQL database. ConfigError for any other."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _unusable() from None
    if url.get_backend_name() == "sqlite":
        return url
    if url.drivername not in ("postgresql", "postgres", POSTGRESQL) or not url.database:
        raise _unusable()
    return url.set(drivername=POSTGRESQL)


def shown(address: str) -> str:
    """The address for a person's eyes: without its password; empty for none."""
    if not address:
        return ""
    try:
        return make_url(address).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "***"


def _unusable() -> ConfigError:
    return ConfigError(
        N_("The setting 'database_url' must read postgresql://USER@HOST/DATABASE. Leave it empty for SQLite.")
    )
