"""Where the database is: its address in the one form the engine reads, its password never shown.

libpq by itself falls back to a line in clear when a server offers no TLS, and trusts any server. So
whoever names another machine says how that machine proves itself (OWASP ASVS 5.0, V12.3).
"""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from appliance.config import is_loopback
from appliance.errors import N_, ConfigError

POSTGRESQL = "postgresql+psycopg"


def parse(address: str) -> URL:
    """The address of an SQLite file or a PostgreSQL database. ConfigError for any other, and for one
    on another machine that does not say how it is protected.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _unusable() from None
    if url.get_backend_name() == "sqlite":
        return url
    if url.drivername not in ("postgresql", "postgres", POSTGRESQL) or not url.database:
        raise _unusable()
    if "sslmode" not in url.query and (elsewhere := _elsewhere(url)):
        raise ConfigError(
            N_(
                "The database is on another machine, %(host)s, and 'database_url' does not say how it proves "
                "itself: add ?sslmode=verify-full&sslrootcert=FILE (sslmode=disable only where nobody else "
                "can listen)."
            ),
            host=elsewhere,
        )
    return url.set(drivername=POSTGRESQL)


def _elsewhere(url: URL) -> str:
    """The first host of this address that is not this machine; empty for none."""
    named = url.query.get("host", ())
    hosts = [url.host or "", *((named,) if isinstance(named, str) else named)]
    return next((one for one in hosts if one and not one.startswith("/") and not is_loopback(one)), "")


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
