"""Short synchronous transactions over one engine. Never held open while tokens flow.

`read()` sees a snapshot; `write()` takes the write lock at once (SQLite: BEGIN IMMEDIATE),
so two writers queue instead of failing half-way. A commit that returned is on the disk
(synchronous=FULL); one that raised left nothing. A crash inside either leaves the
database as it was before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from appliance.errors import N_, StorageFailed

BUSY_TIMEOUT_MS = 10_000


class Database:
    """One engine and its two kinds of transaction. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; anything it changed is undone at the end."""
        with self._guarded(), Session(self.engine, expire_on_commit=False) as session:
            yield session  # closing it undoes; an explicit rollback would empty what was read

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are durable once the block ends, or else undone whole."""
        with self._guarded(), Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"naesil_write": True})
            yield session
            session.commit()

    def close(self) -> None:
        """Give the connections back to the system."""
        self.engine.dispose()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # a rule of the schema, not a failing store: the caller knows what it means
        except DBAPIError as error:
            raise StorageFailed(_remedy(error)) from error


def _make_engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("naesil_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _remedy(error: DBAPIError) -> str:
    text = str(error.orig).lower()
    if "full" in text:
        return N_(
            "The disk that holds the data folder is full. Nothing was saved; free some space and try again."
        )
    if "readonly" in text or "read-only" in text:
        return N_("The data folder is read-only. Nothing was saved; make it writable and try again.")
    if "malformed" in text or "not a database" in text:
        return N_("The database file is damaged. Stop Naesil and restore a backup.")
    if "locked" in text or "busy" in text:
        return N_("The database is busy. Nothing was saved; try again in a moment.")
    return N_("The database does not answer. Nothing was saved; ask an administrator to look at it.")
