"""Checking a backup without restoring it: every frame, every file, and the log inside from end to end.

The rows of the log, and nothing else, go into a temporary database that only this user can read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from appliance.audit.publickeys import read_public_keys
from appliance.audit.verify import Report, verify
from appliance.backup.keys import Secret
from appliance.backup.reading import Content, Place, new_file, read
from appliance.backup.records import decoded
from appliance.backup.seal import Header, Opened, open_sealed
from appliance.backup.tables import Loader
from appliance.egress.logfolder import HEAD_FILE, PUBLIC_FILE, REPLACED_FILE, read_head
from appliance.errors import N_, ConfigError
from appliance.protocol.sealing import Head
from appliance.storage import migrate
from appliance.storage.engine import Database

LOG_FILES = frozenset(f"keys/{name}" for name in (PUBLIC_FILE, HEAD_FILE, REPLACED_FILE))
LOG_TABLES = "audit_"


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole backup. `log`: None when its schema is newer than this program knows."""

    header: Header
    content: Content
    log: Report | None


def check(path: Path, secret: Secret) -> Checked:
    """Read all of it. Damaged when it is not as it was written; the report says how the log is."""
    with opened(path, secret) as backup, TemporaryDirectory(prefix="naesil-backup-") as name:
        folder = Path(name)

        def place(name: str) -> IO[bytes]:
            return new_file(folder, name) if name in LOG_FILES else Path(os.devnull).open("wb")

        if not migrate.knows(backup.header.schema):
            return Checked(backup.header, read(decoded(backup.pieces), place, None), None)
        database = Database(f"sqlite:///{folder / 'log.db'}")
        try:
            content = fill(database, backup, place, LOG_TABLES)
            return Checked(backup.header, content, look(database, folder / "keys"))
        finally:
            database.close()


@contextmanager
def opened(path: Path, secret: Secret) -> Iterator[Opened]:
    """The backup in this file. ConfigError when it cannot be read or the secret is another's."""
    try:
        with path.open("rb") as file:
            yield open_sealed(file, path, secret)
    except OSError as error:
        where = error.filename or path
        raise ConfigError(
            N_("%(path)s cannot be used: %(reason)s."), path=where, reason=error.strerror
        ) from None


def fill(database: Database, backup: Opened, place: Place, only: str = "") -> Content:
    """Make the tables of the backup's schema, put its rows in, and bring them up to date."""
    with database.write() as session:
        migrate.create(session, backup.header.schema)
        loader = Loader(session, only)
        content = read(decoded(backup.pieces), place, loader)
        loader.finish()
    migrate.upgrade(database)
    return content


def look(database: Database, keys_folder: Path) -> Report:
    """The log in the database against the keys and the last signed head that came with it."""
    ring = read_public_keys(keys_folder).ring()
    size, root = read_head(keys_folder / HEAD_FILE)
    return verify(database, ring, Head(size, root, str(ring.log)))
