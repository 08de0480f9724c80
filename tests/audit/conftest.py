"""A log with its sequencer and sealer, and a way to fill it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.core import Outcome, Principal
from appliance.egress.sealer import LocalSealer
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

ALICE = Principal("alice", "user", "session-1", "10.0.0.7")


@pytest.fixture
def sealer(data_folder: Path) -> LocalSealer:
    return LocalSealer(data_folder / "keys")


@pytest.fixture
def sequencer(database: Database, sealer: LocalSealer) -> Sequencer:
    return Sequencer(database, sealer)


@pytest.fixture
def record(database: Database, vault: Vault, audit: AuditLog) -> Callable[[int], None]:
    """Accepts so many prompt entries of Alice's, each in a transaction of its own."""
    with database.write() as session:
        vault.create_subject(session, "alice")

    def fill(count: int) -> None:
        for number in range(count):
            with database.write() as session:
                audit.append(session, prompt(), text=f"question {number}")

    return fill


def prompt() -> Entry:
    return Entry(
        action=AuditAction.PROMPT,
        actor=ALICE,
        outcome=Outcome.ALLOWED,
        object="conversation:1",
        subject="alice",
        task="completion",
    )
