"""A copy before every migration: a backup like any other, beside the data, sealed with the root key.

`appliance backup restore FILE --key-file DATA/keys/root.key --data NEWDIR` brings it back. The newest
three are kept. It leaves out the models, which no migration touches.
"""

import contextlib
import os
from pathlib import Path

from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.backup import folder
from appliance.backup.create import Order, write
from appliance.backup.keys import from_file
from appliance.clock import Clock
from appliance.config import Settings
from appliance.core import SYSTEM, Outcome
from appliance.errors import N_, ConfigError
from appliance.ids import new_id
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.folder import ROOT_KEY_FILE
from appliance.storage.vault import Vault

KEPT = 3
SUFFIX = ".backup"


class BeforeMigrating:
    """Keeps the copy and, once the migration is done, records both."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def before(self, session: Session, schema: str) -> None:
        """ConfigError when there is no room: then nothing is migrated."""
        backups = self._settings.backups_folder
        out = backups / f"{self._clock.now():%Y%m%dT%H%M%SZ}-{schema}{SUFFIX}"
        draft = out.with_suffix(".partial")
        secret = from_file(self._settings.keys_folder / ROOT_KEY_FILE)
        try:
            backups.mkdir(mode=0o700, exist_ok=True)
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                order = Order(out, secret, models=False)
                write(session, file, order, self._settings, folder.keys(self._settings), schema, self._clock)
            draft.rename(out)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise ConfigError(
                N_(
                    "No backup could be made before the migration: %(path)s, %(reason)s. Nothing was changed."
                ),
                path=backups,
                reason=error.strerror,
            ) from None
        _keep_newest(backups)

    def after(self, session: Session, schema: str) -> None:
        vault = Vault.open(self._settings.keys_folder, self._clock)
        entry = Entry(
            action=AuditAction.DATA_MIGRATED,
            actor=SYSTEM,
            outcome=Outcome.ALLOWED,
            object=f"schema:{migrate.head()}",
            task="operations",
            reason=f"from {schema}, after a backup in backups/",
        )
        AuditLog(vault, self._clock, new_id()).append(session, entry)


def bring_up_to_date(settings: Settings, database: Database, clock: Clock) -> None:
    """The newest schema, with a copy of what was there. ConfigError as `migrate.upgrade` says."""
    migrate.upgrade(database, BeforeMigrating(settings, clock))


def _keep_newest(backups: Path) -> None:
    for old in sorted(backups.glob(f"*{SUFFIX}"))[:-KEPT]:
        old.unlink(missing_ok=True)
