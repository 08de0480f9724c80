"""Which tables and columns a database has, against those that its schema revision should have.

A database that is neither one revision nor the next was migrated half-way, by hand or by a program
that was not ours: nothing may be built upon it.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, inspect

Shape = Mapping[str, frozenset[str]]
"""Table -> its columns."""


def read(connection: Connection) -> Shape:
    """What is there."""
    inspector = inspect(connection)
    return {
        name: frozenset(column["name"] for column in inspector.get_columns(name))
        for name in inspector.get_table_names()
    }


def differences(found: Shape, wanted: Shape, ours: Shape) -> Iterator[str]:
    """Where `found` is not `wanted`, table by table. What is not in `ours` either is somebody else's."""
    for name in sorted({*wanted, *ours}):
        if name not in wanted:
            if name in found:
                yield f"{name}: of a later schema"
        elif name not in found:
            yield f"{name}: missing"
        else:
            for column in sorted(wanted[name] ^ found[name]):
                yield f"{name}.{column}: {'missing' if column in wanted[name] else 'of another schema'}"
