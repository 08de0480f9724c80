"""Making a backup while the product serves: one snapshot of the database, and the keys of that moment.

The keys folder is read before the snapshot begins and under the sealer's own lock, so that the last
signed head is never ahead of the rows. The file has its name once it is whole and in the log.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import Session

from appliance import __version__
from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.backup import folder, tables
from appliance.backup.keys import Secret
from appliance.backup.records import End, FileBegin, Record, Rows, TableBegin
from appliance.backup.seal import Header, SealedWriter
from appliance.backup.stamp import stamp
from appliance.clock import Clock
from appliance.config import Settings
from appliance.core import Outcome, Principal
from appliance.egress.logfolder import alone
from appliance.errors import N_, ConfigError
from appliance.ids import new_id
from appliance.protocol.framing import MAX_FRAME_BYTES, encode
from appliance.storage import migrate
from appliance.storage.engine import Database

Tell = Callable[[int], None]
"""Gets the bytes written so far."""


class Made(msgspec.Struct, frozen=True):
    """What was written. `rows` of each table."""

    id: str
    file: str
    bytes: int
    files: int
    rows: dict[str, int]
    models: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What to keep, and how. `models`: with their weights."""

    out: Path
    secret: Secret
    models: bool = True
    tell: Tell = lambda _: None


class Backups:
    """The service. It reads the machine's files, so it belongs to whoever owns the data folder."""

    def __init__(self, settings: Settings, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._audit = audit
        self._clock = clock

    def create(self, actor: Principal, order: Order) -> Made:
        """Write a backup, mode 0600. ConfigError when the file is there or cannot be written.

        The entry is durable before the file has its name, so no backup is without one. A crash
        before the rename leaves a file with `.partial` behind its name.
        """
        with _new_file(order.out) as (file, draft):
            with self._database.read() as session:
                header, total = self._write(session, file, order)
            made = Made(
                header.id, str(order.out), draft.stat().st_size, total.files, total.rows, order.models
            )
            with self._database.write() as session:
                self._audit.append(session, _entry(actor, made))
            draft.rename(order.out)
        stamp(self._settings.run_folder, self._clock.now())
        return made

    def _write(self, session: Session, file: IO[bytes], order: Order) -> tuple[Header, End]:
        with alone(self._settings.keys_folder):
            keys = folder.keys(self._settings)
            schema = migrate.revision(session) or ""  # the first statement: from here on a snapshot
        return write(session, file, order, self._settings, keys, schema, self._clock)


def write(
    session: Session,
    file: IO[bytes],
    order: Order,
    settings: Settings,
    keys: list[tuple[str, bytes]],
    schema: str,
    clock: Clock,
) -> tuple[Header, End]:
    """The whole backup into `file`: what the session sees, and the data folder's files."""
    dialect = session.get_bind().dialect.name
    if dialect == "postgresql":  # a slow disk of ours must not end the snapshot
        session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    header = Header(
        id=new_id(),
        created=clock.now().isoformat(timespec="seconds"),
        product=__version__,
        schema=schema,
        database=dialect,
        models=order.models,
        key="",
        salt=b"",
    )
    writer = SealedWriter(file, header, order.secret)
    files, rows, at = 0, dict[str, int](), ""
    for record in _records(session, settings, keys, models=order.models):
        frame = encode(record)
        if len(frame) > MAX_FRAME_BYTES:
            raise ConfigError(N_("A row of the table %(table)s is too large for a backup."), table=at)
        writer.write(frame)
        if isinstance(record, FileBegin):
            files += 1
        elif isinstance(record, TableBegin):
            at, rows[record.name] = record.name, 0
        elif isinstance(record, Rows):
            rows[at] += len(record.rows)
        order.tell(file.tell())
    end = End(files, rows)
    writer.write(encode(end))
    writer.finish()
    return header, end


def _records(
    session: Session, settings: Settings, keys: list[tuple[str, bytes]], *, models: bool
) -> Iterator[Record]:
    """Keys and small files, then the rows, then the models, which are large."""
    for name, content in keys:
        yield from folder.whole(name, content)
    large = []
    for name, path in folder.others(settings, models=models):
        if path.suffix == ".gguf":
            large.append((name, path))
        else:
            yield from folder.stream(name, path)
    yield from tables.dump(session)
    for name, path in large:
        yield from folder.stream(name, path)


@contextmanager
def _new_file(out: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file beside `out` to write into; gone afterwards unless it was renamed."""
    if out.exists() or out.is_symlink():
        raise ConfigError(N_("%(path)s is there already; nothing was overwritten."), path=out)
    draft = out.with_name(f".{out.name}.{new_id()}.partial")
    try:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file, draft
    except OSError as error:
        raise ConfigError(
            N_("%(path)s cannot be written: %(reason)s."), path=out, reason=error.strerror
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _entry(actor: Principal, made: Made) -> Entry:
    return Entry(
        action=AuditAction.BACKUP_CREATED,
        actor=actor,
        outcome=Outcome.ALLOWED,
        object=f"backup:{made.id}",
        task="operations",
        reason=f"{sum(made.rows.values())} rows, {made.files} files, {made.bytes} bytes",
    )
