"""Short synchronous transactions over one engine. Never held open while tokens flow.

`read()` sees a snapshot. `write()` has the database to itself among writers (SQLite: BEGIN
IMMEDIATE; PostgreSQL: an advisory lock), so what it looked at stays true until its commit and
two writers queue instead of failing half-way. A commit that returned is on the disk; one that
raised left nothing. A crash inside either leaves the database as it was before.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from appliance.errors import N_, StorageFailed
from appliance.storage import postgresql, sqlite
from appliance.storage.address import parse
from appliance.storage.lease import Lease


class Database:
    """One engine and its two kinds of transaction. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        address = parse(url)
        self._dialect = sqlite if address.get_backend_name() == "sqlite" else postgresql
        self.engine: Engine = self._dialect.make_engine(address)
        self._looking = self._dialect.for_looking(self.engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; it may change nothing."""
        with self._guarded(), Session(self._looking, expire_on_commit=False) as session:
            yield session  # closing it undoes; an explicit rollback would empty what was read

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[Session]:
        """A session whose changes are durable once the block ends, or else undone whole.

        `shared`: may run beside others of its kind, for work that mostly adds rows and whose
        statements hold by themselves (a unique column, a delete that counts). Never beside one
        that is not shared.
        """
        with self._guarded(), Session(self.engine, expire_on_commit=False) as session:
            self._dialect.begin_write(session, shared=shared)
            yield session
            session.commit()

    @contextmanager
    def lease(self, name: str) -> Iterator[Lease | None]:
        """The one holder of this name among all processes on this database; None if it is taken.

        SQLite has one machine and its callers a file lock of their own: there it is always free.
        """
        with self._guarded(), self._dialect.lease(self.engine, name) as lease:
            yield lease

    def scrub(self) -> bool:
        """After something was destroyed: rid the files of its old pages. Whether they are rid of them;
        not when readers hold it up for long, and not on PostgreSQL, which does it when it vacuums.
        """
        with self._guarded():
            rid: bool = self._dialect.scrub(self.engine)
            return rid

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
            raise StorageFailed(_remedy(str(error.orig).lower())) from error
        except PoolTimeout as error:
            raise StorageFailed(_remedy("busy")) from error


def _remedy(text: str) -> str:
    if "is full" in text or "no space left" in text:
        return N_(
            "The disk that holds the data folder is full. Nothing was saved; free some space and try again."
        )
    if "readonly" in text or "read-only" in text:
        return N_("The data folder is read-only. Nothing was saved; make it writable and try again.")
    if "malformed" in text or "not a database" in text:
        return N_("The database file is damaged. Stop Naesil and restore a backup.")
    if "locked" in text or "busy" in text or "lock timeout" in text:
        return N_("The database is busy. Nothing was saved; try again in a moment.")
    return N_("The database does not answer. Nothing was saved; ask an administrator to look at it.")
