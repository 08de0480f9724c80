"""The part of `appliance doctor` that looks at a house that is there: files, keys, database, log, backups.

Looks only; changes nothing. What one fault hides from the others is left out, so that each row names
its own trouble.
"""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from appliance.audit import headcheck
from appliance.backup.restore import STAGE
from appliance.backup.stamp import last_backup
from appliance.clock import Clock
from appliance.config import Settings, share_folder
from appliance.errors import N_, ConfigError, NaesilError
from appliance.identity.accounts import has_administrator
from appliance.keyfile import KEY_BYTES
from appliance.policy.documents import check as check_policies
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.folder import ROOT_KEY_FILE
from appliance.storage.owner import adopt
from appliance.storage.vault import Vault
from appliance.supervisor.finding import Check, fault, good, warning

BACKUP_DAYS = 7
LEFT_BEHIND = (f"{STAGE}*", "*.partial", "models/.staging-*", "models/.draft-*", "backups/*.partial")
_NOBODY = warning(
    "administrator", "none", N_("Run 'appliance init', or open the page that 'appliance serve' prints.")
)
RESTORE = N_("Restore it from a backup: 'appliance backup restore'. docs/operations.md says how.")


def examine_house(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Every row about a data folder that exists; none where there is none yet."""
    if not settings.keys_folder.is_dir():
        return
    yield _owners(settings.data, settings.probe_folder)
    yield _modes(settings.keys_folder)
    keys = _keys(settings.keys_folder)
    yield keys
    yield _policies(settings)
    yield _left_behind(settings.data)
    yield _backup(settings, clock)
    if settings.database_file is None or settings.database_file.exists():
        yield from _database(settings, clock, keys=keys.ok)
        adopt(settings.data)


def _owners(data: Path, probe: Path) -> Check:
    """The processes run as the folder's owner, so all that is in it must be theirs, but a self-attack's."""
    owner = data.stat().st_uid
    files = [path for path in _files(data) if probe not in path.parents]
    others = [path for path in files if path.lstat().st_uid not in (owner, 0)]
    if owner and os.geteuid():
        others += [path for path in files if path.lstat().st_uid == 0]
    if others:
        named = f"{others[0]} (+{len(others) - 1})"
        return fault("owner", named, N_("Give it back: chown it to the folder's owner."))
    return good("owner", str(owner))


def _modes(keys: Path) -> Check:
    open_ones = [path for path in (keys, *_files(keys)) if path.lstat().st_mode & 0o077 and not _public(path)]
    if open_ones:
        listed = ", ".join(f"{path} {stat.filemode(path.lstat().st_mode)}" for path in open_ones)
        return fault("key modes", listed, N_("Others may read keys. Run: chmod -R go= on the folder keys/."))
    return good("key modes", "private")


def _public(path: Path) -> bool:
    return path.suffix in (".pub", ".crt")


def _keys(keys: Path) -> Check:
    missing = [name for name in (ROOT_KEY_FILE, "log.key") if not _is_key(keys / name)]
    if (keys / "log.pub").exists() and not (keys / "log.head").exists():
        missing.append("log.head")
    if not (keys / "log.pub").exists() and ROOT_KEY_FILE not in missing:
        missing = []  # before the first start there is no log to sign
    if missing:
        return fault("keys", f"missing or damaged: {', '.join(missing)}", RESTORE)
    return good("keys", "there")


def _is_key(path: Path) -> bool:
    try:
        return path.stat().st_size == KEY_BYTES
    except OSError:
        return False


def _policies(settings: Settings) -> Check:
    problems = check_policies(share_folder("policies"), settings.policies_folder)[1]
    if problems:
        return fault("policies", problems[0], N_("Correct the file; 'appliance policy check' shows all."))
    return good("policies", "valid")


def _left_behind(data: Path) -> Check:
    found = [path for pattern in LEFT_BEHIND for path in data.glob(pattern)]
    found += data.parent.glob(f"{STAGE}*")
    if found:
        return warning(
            "left behind",
            ", ".join(str(path) for path in found),
            N_("Something ended half-way. When nothing of the kind is under way, remove it."),
        )
    return good("left behind", "nothing")


def _database(settings: Settings, clock: Clock, *, keys: bool) -> Iterator[Check]:
    database = Database(settings.database_address)
    try:
        with database.read() as session:
            damage = _damage(session)
            schema = migrate.revision(session) if not damage else None
        if damage:
            yield fault("database", damage, RESTORE)
            return
        yield good("database", session.get_bind().dialect.name)
        yield from _schema(database, schema)
        if schema == migrate.head():
            with database.read() as session:
                yield from _content(session, settings, clock, keys=keys)
    except ConfigError as error:
        yield fault("schema", error, RESTORE)
    except NaesilError as error:
        yield fault("database", error, RESTORE)
    finally:
        database.close()


def _damage(session: Session) -> str:
    """What SQLite finds wrong with its own file; PostgreSQL looks after its own."""
    if session.get_bind().dialect.name != "sqlite":
        return ""
    said = str(session.scalar(sa.text("PRAGMA quick_check(1)")))
    return "" if said == "ok" else said


def _schema(database: Database, schema: str | None) -> Iterator[Check]:
    if schema is None:
        yield good("schema", "none yet")
        return
    if not migrate.knows(schema):
        raise migrate.newer(schema)
    with database.read() as session:
        migrate.check(session)
    yield good("schema", schema if schema == migrate.head() else f"{schema}; brought up to date at the start")


def _content(session: Session, settings: Settings, clock: Clock, *, keys: bool) -> Iterator[Check]:
    if keys:
        yield _root_key(session, settings, clock)
        yield _log(session, settings)
    yield _clock(session, clock)
    yield good("administrator", "there is one") if has_administrator(session) else _NOBODY


def _root_key(session: Session, settings: Settings, clock: Clock) -> Check:
    try:
        Vault((settings.keys_folder / ROOT_KEY_FILE).read_bytes(), clock).check(session)
    except ConfigError as error:
        return fault("root key", error, RESTORE)
    return good("root key", "opens the data")


def _log(session: Session, settings: Settings) -> Check:
    problem = headcheck.disagreement(session, settings.keys_folder)
    if problem:
        return fault("log", problem, N_("Run 'appliance audit verify' to see where, and tell the auditor."))
    return good("log", "ends in the last signed head")


def _clock(session: Session, clock: Clock) -> Check:
    last = headcheck.last_time(session)
    now = clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
    if last > now:
        return fault(
            "clock", f"{now}, but the log's last entry is of {last}", N_("Set the machine's clock (NTP).")
        )
    return good("clock", now)


def _backup(settings: Settings, clock: Clock) -> Check:
    last = last_backup(settings.run_folder)
    if last is None or clock.now() - last > timedelta(days=BACKUP_DAYS):
        return warning(
            "backup",
            "none" if last is None else f"the last one is of {last.isoformat(timespec='seconds')}",
            N_("Make one: 'appliance backup create'. docs/operations.md says how to do it every night."),
        )
    return good("backup", last.isoformat(timespec="seconds"))


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        yield from (Path(root, name) for name in (*folders, *files))
