"""All rows of a database, out and in, in our own form: the same for SQLite and PostgreSQL.

The tables are what the database says they are, not what this program's models say, so that a
database of an older schema is kept and brought back as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from appliance.backup.records import Rows, TableBegin

VERSION_TABLE = "alembic_version"
BATCH_ROWS = 500
BATCH_BYTES = 1024 * 1024


def tables(session: Session) -> list[sa.TableClause]:
    """Every table with its columns, those that others refer to first."""
    inspector = sa.inspect(session.connection())
    ordered = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name]
    return [
        sa.table(name, *(sa.column(one["name"], _kind(one["type"])) for one in inspector.get_columns(name)))
        for name in ordered
        if name != VERSION_TABLE
    ]


def dump(session: Session) -> Iterator[TableBegin | Rows]:
    """Every row the session's snapshot sees, table by table, a batch at a time."""
    connection = session.connection()
    for table in tables(session):
        yield TableBegin(table.name, tuple(table.columns.keys()))
        options = {"stream_results": True, "yield_per": BATCH_ROWS}
        with connection.execute(sa.select(table), execution_options=options) as found:
            for batch in found.partitions():
                yield from _batches([[_out(value) for value in row] for row in batch])


class Loader:
    """Puts rows into a database whose tables are there and hold nothing that is to stay."""

    def __init__(self, session: Session, only: str = "") -> None:
        """`only`: take no table but those whose name begins with it."""
        self._session = session
        self._tables = {table.name: table for table in tables(session) if table.name.startswith(only)}
        self._at: sa.TableClause | None = None
        self._columns: tuple[str, ...] = ()
        for name in reversed(self._tables):  # what migrations put there is in the rows as well
            session.execute(sa.delete(self._tables[name]))

    def begin(self, table: TableBegin) -> None:
        self._at, self._columns = self._tables.get(table.name), table.columns

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        if self._at is not None and rows:
            named = [dict(zip(self._columns, row, strict=True)) for row in rows]
            self._session.connection().execute(sa.insert(self._at), named)

    def finish(self) -> None:
        """PostgreSQL counts on from the rows; SQLite does so by itself."""
        if self._session.get_bind().dialect.name != "postgresql":
            return
        for table in self._tables.values():
            for column in table.columns:
                if isinstance(column.type, sa.Integer):
                    self._count_on(table.name, column.name)

    def _count_on(self, table: str, column: str) -> None:
        named = {"table": f'"{table}"', "column": column}
        query = sa.text("SELECT pg_get_serial_sequence(:table, :column)")
        sequence = self._session.scalar(query, named)
        if sequence is not None:
            highest = self._session.scalar(
                sa.select(sa.func.max(sa.column(column))).select_from(sa.table(table))
            )
            count = sa.text("SELECT setval(CAST(:sequence AS regclass), :next, false)")
            self._session.execute(count, {"sequence": sequence, "next": (highest or 0) + 1})


def _kind(found: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """No value of a JSON column is no row's `null`."""
    return sa.JSON(none_as_null=True) if isinstance(found, sa.JSON) else found


def _out(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return bytes(value) if isinstance(value, memoryview) else value


def _batches(rows: list[list[Any]]) -> Iterator[Rows]:
    """The rows in records of bounded size, however long their texts are."""
    held: list[list[Any]] = []
    size = 0
    for row in rows:
        held.append(row)
        size += sum(len(value) for value in row if isinstance(value, (bytes, str)))
        if size >= BATCH_BYTES:
            yield Rows(held)
            held, size = [], 0
    if held:
        yield Rows(held)
