"""PostgreSQL: several nodes over one database, with the promises that SQLite gives.

Readers see a snapshot (REPEATABLE READ, READ ONLY). Writers are READ COMMITTED under a
transaction-level advisory lock (PostgreSQL manual, 13.3.5): alone, or shared beside other
shared ones. After the lock each statement sees everything that was committed before it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from appliance.storage.lease import Lease

WRITERS = 0x6E616573  # "naes": one lock for all writers of this database
POOL = 12
OVERFLOW = 28
POOL_TIMEOUT_S = 10
CONNECTING = {
    "connect_timeout": 5,
    "gssencmode": "disable",  # asks a ticket service before it connects
    "application_name": "naesil",
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
SESSION = (
    "SET lock_timeout = '10s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    "SET synchronous_commit = on",  # a commit that returned is on the disk, whatever the server's default
    "SET timezone = 'UTC'",
)


def make_engine(url: URL) -> Engine:
    given = {name: value for name, value in CONNECTING.items() if name not in url.query}
    engine = create_engine(
        url,
        connect_args=given,
        pool_size=POOL,
        max_overflow=OVERFLOW,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure)
    return engine


def for_looking(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def begin_write(session: Session, *, shared: bool) -> None:
    """Wait for the turn to write; the lock ends with the transaction."""
    call = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    session.execute(text(f"SELECT {call}(:key)"), {"key": WRITERS})


def scrub(_engine: Engine) -> bool:
    """What VACUUM and the end of its log do is the server's own affair."""
    return False


@contextmanager
def lease(engine: Engine, name: str) -> Iterator[Lease | None]:
    """A session-level advisory lock on a connection of its own; the server frees it when that ends."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        taken = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
        if not taken:
            yield None
            return

        def held() -> bool:
            try:
                return bool(connection.scalar(text("SELECT true")))
            except DBAPIError:
                return False

        try:
            yield Lease(held)
        finally:
            connection.invalidate()  # closes it: the lock must not go back to the pool


def _configure(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    for statement in SESSION:
        connection.execute(statement)
    connection.autocommit = False
