"""Watches every transaction of an engine: what changes state must bring its audit entry along.

The rule is stronger than "an entry was written": it has to be in the very same transaction.
"""

import re
from typing import Any

from sqlalchemy import Engine, event

_CHANGE = re.compile(r"\s*(INSERT\s+(?:OR \w+ )?INTO|UPDATE|DELETE\s+FROM)\s+\"?(\w+)\"?(.*)", re.I | re.S)
OUTBOX = "audit_outbox"
OWN = {
    "audit_outbox": "the log itself",
    "audit_entries": "the sequencer's work on what was accepted",
    "audit_tiles": "the same",
    "audit_checkpoints": "the same",
    "audit_epoch": "the same",
    "alembic_version": "the schema, before anything is served",
    "sign_in_failures": "counters of refused sign-ins; each refusal is an entry",
}
LAST_USE = re.compile(r"UPDATE\s+(sessions|api_keys)\s+SET\s+used_at\s*=\s*\S+\s+WHERE", re.I)


class Ledger:
    """`changed`: tables changed so far. `silent`: changes committed without an entry, as text."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.silent: list[str] = []
        self.entries = 0

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "begin", self._on_begin)
        event.listen(engine, "after_cursor_execute", self._on_statement)
        event.listen(engine, "commit", self._on_commit)

    def _on_begin(self, connection: Any) -> None:
        connection.info["changes"], connection.info["entries"] = [], 0

    def _on_statement(self, connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        found = _CHANGE.match(statement)
        if found is None or cursor.rowcount == 0:
            return
        table = found.group(2)
        if table == OUTBOX and found.group(1).upper().startswith("INSERT"):
            connection.info["entries"] += 1
        elif table not in OWN and not LAST_USE.match(statement):
            connection.info["changes"].append(" ".join(statement.split())[:120])

    def _on_commit(self, connection: Any) -> None:
        changes, entries = connection.info.get("changes", []), connection.info.get("entries", 0)
        self.entries += entries
        self.changed |= {_table(change) for change in changes}
        if changes and not entries:
            self.silent += changes


def _table(statement: str) -> str:
    found = _CHANGE.match(statement)
    return found.group(2) if found else ""
