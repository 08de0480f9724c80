"""Bringing a house back from a backup: into an empty folder, whole or not at all.

Everything is made beside the folder (or, where the folder is a mount, hidden in it), looked at, written
into the restored log, and then takes its name. A crash before that leaves a folder named
`.restoring-...` that nothing uses.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sealing import seal_here
from appliance.audit.verify import Report
from appliance.backup.check import fill, look, opened
from appliance.backup.keys import Secret
from appliance.backup.reading import Content, new_file
from appliance.backup.seal import Header, Opened
from appliance.clock import Clock
from appliance.config import CONFIG_FILE, Settings
from appliance.core import Outcome, Principal
from appliance.errors import N_, ConfigError
from appliance.ids import new_id
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.folder import prepare_data_folder
from appliance.storage.owner import adopt
from appliance.storage.vault import Vault

STAGE = ".restoring-"


@dataclass(frozen=True, slots=True)
class Restored:
    """A house that is back. `log`: how its log was before this restore was recorded in it."""

    header: Header
    content: Content
    log: Report


def restore(path: Path, secret: Secret, settings: Settings, actor: Principal, clock: Clock) -> Restored:
    """Into `settings.data`, and its PostgreSQL database if the settings name one.

    ConfigError when either holds anything, the schema is newer than ours, the secret is another's;
    Damaged with the place in the file. Nothing is left then.
    """
    _must_be_empty(settings.data)
    with opened(path, secret) as backup, _stage(settings.data) as stage:
        if not migrate.knows(backup.header.schema):
            raise migrate.newer(backup.header.schema)
        staged = replace(settings, data=stage)
        database = Database(staged.database_address)
        try:
            with _emptied_on_failure(database):
                restored = _bring_back(database, backup, staged, actor, clock)
                database.close()  # SQLite's journal must be gone before the folder moves
                _settle(staged)
                _take_place(stage, settings.data)
        finally:
            database.close()
    adopt(settings.data)
    return restored


def _bring_back(
    database: Database, backup: Opened, staged: Settings, actor: Principal, clock: Clock
) -> Restored:
    def place(name: str) -> IO[bytes]:
        return new_file(staged.data, name)

    content = fill(database, backup, place)
    prepare_data_folder(staged)
    report = look(database, staged.keys_folder)
    vault = Vault.open(staged.keys_folder, clock)
    with database.write() as session:
        vault.check(session)
        AuditLog(vault, clock, new_id()).append(session, _entry(actor, backup.header, report))
    if report.ok:  # a log that was bad when it was kept takes the entry and cannot sign it
        seal_here(staged, database)
    return Restored(backup.header, content, report)


def _settle(staged: Settings) -> None:
    """The database address that came along is the old house's: the new one's takes its place, or none."""
    path = staged.data / CONFIG_FILE
    text = re.sub(r"(?m)^[ \t]*database_url[ \t]*=.*\n?", "", path.read_text("utf-8"))
    if staged.database_url:
        text = f"database_url = {json.dumps(staged.database_url)}\n{text}"
    path.write_text(text, "utf-8")


def _must_be_empty(folder: Path) -> None:
    try:
        empty = not any(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be used: %(reason)s."), path=folder, reason=error.strerror
        ) from None
    if not empty:
        raise ConfigError(
            N_("%(path)s is not empty. A backup is restored into a new folder: give another --data."),
            path=folder,
        )


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A folder to work in, on the same disk as `folder`; gone afterwards unless it took its place."""
    inside = folder.is_dir() and (os.path.ismount(folder) or not os.access(folder.parent, os.W_OK))
    above = folder if inside else folder.parent
    stage = above / f"{STAGE}{new_id()}"
    try:
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        stage.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be used: %(reason)s."), path=above, reason=error.strerror
        ) from None
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _take_place(stage: Path, folder: Path) -> None:
    if stage.parent != folder:
        stage.rename(folder)  # an empty folder of that name makes way
        return
    for path in sorted(stage.iterdir(), key=lambda path: path.name == "naesil.db"):  # what counts comes last
        path.rename(folder / path.name)


@contextmanager
def _emptied_on_failure(database: Database) -> Iterator[None]:
    """A PostgreSQL database must be empty before, and is again when the block fails."""
    if database.engine.dialect.name == "sqlite":
        yield  # its file goes with the folder
        return
    with database.read() as session:
        if sa.inspect(session.connection()).get_table_names():
            raise ConfigError(N_("The database is not empty. A backup is restored into an empty one."))
    try:
        yield
    except BaseException:
        with database.engine.begin() as connection:
            known = sa.MetaData()
            known.reflect(connection)
            known.drop_all(connection)
        raise


def _entry(actor: Principal, header: Header, report: Report) -> Entry:
    kept = f"made {header.created}, {report.entries} entries"
    return Entry(
        action=AuditAction.BACKUP_RESTORED,
        actor=actor,
        outcome=Outcome.ALLOWED if report.ok else Outcome.FAILED,
        object=f"backup:{header.id}",
        task="operations",
        reason=kept if report.ok else f"{kept}; entry {report.first_bad}: {report.problem}",
    )
