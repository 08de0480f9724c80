"""SQLite: one file in the data folder, WAL, every commit on the disk (synchronous=FULL)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.orm import Session

from appliance.storage.lease import Lease

BUSY_TIMEOUT_MS = 10_000
SCRUB_TIMEOUT_MS = 2_000


def make_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def for_looking(engine: Engine) -> Engine:
    """A plain BEGIN is a snapshot here; what a reader changed is undone."""
    return engine


def begin_write(session: Session, *, shared: bool) -> None:  # noqa: ARG001 - SQLite has one writer at a time
    session.connection(execution_options={"naesil_write": True})


@contextmanager
def lease(_engine: Engine, _name: str) -> Iterator[Lease | None]:
    yield Lease()


def scrub(engine: Engine) -> bool:
    """Write the log back and empty it: it holds pages as they were, and so does the file until then."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SCRUB_TIMEOUT_MS}")  # writers wait meanwhile
        (busy, _pages, _moved) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()
    finally:
        connection.close()
    return not busy


def _configure(connection: Any, _record: Any) -> None:
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


def _begin(connection: Any) -> None:
    write = connection.get_execution_options().get("naesil_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
