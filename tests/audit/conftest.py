"""A log with its sequencer and sealer, and a way to fill it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer
from appliance.audit.verify import Report, verify
from appliance.core import Outcome, Principal, Usage
from appliance.egress.logfolder import HEAD_FILE, read_head, read_verifier
from appliance.egress.sealer import LocalSealer
from appliance.protocol.sealing import Head
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock

ALICE = Principal("alice", "user", "session-1", "10.0.0.7")
PROMPT = Entry(
    action=AuditAction.PROMPT,
    actor=ALICE,
    outcome=Outcome.ALLOWED,
    object="conversation:1",
    subject="alice",
    task="completion",
    reason="규칙에 맞음",
    rules=("chat.use",),
    usage=Usage(3, 4, 1),
    detections={"phone": 1, "card": 2},
    request_id="request-1",
)


@pytest.fixture
def audit(vault: Vault, clock: FakeClock) -> AuditLog:
    """The shared fixture without its check at the end: here logs are damaged on purpose."""
    return AuditLog(vault, clock, boot_id="boot-1")


@pytest.fixture
def keys(data_folder: Path) -> Path:
    return data_folder / "keys"


@pytest.fixture
def sealer(keys: Path) -> LocalSealer:
    return LocalSealer(keys)


@pytest.fixture
def sequencer(database: Database, sealer: LocalSealer) -> Sequencer:
    return Sequencer(database, sealer)


@pytest.fixture
def record(database: Database, vault: Vault, audit: AuditLog) -> Callable[[int], None]:
    """Accepts so many prompt entries of Alice's in one transaction."""
    with database.write() as session:
        vault.create_subject(session, "alice")

    def fill(count: int) -> None:
        with database.write() as session:
            for number in range(count):
                audit.append(session, PROMPT, text=f"question {number}")

    return fill


@pytest.fixture
def check(database: Database, keys: Path) -> Callable[[], Report]:
    """Verifies as the command line does: with the public key and the sealer's last head."""

    def run() -> Report:
        verifier = read_verifier(keys)
        size, root = read_head(keys / HEAD_FILE)
        return verify(database, verifier, Head(size, root, str(verifier)))

    return run
