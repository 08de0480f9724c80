"""One export by the product for all that only read it: 600 entries, three tiles, one checkpoint kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.export import Exporter, Request
from appliance.audit.giving import Giving
from appliance.audit.log import AuditLog
from appliance.audit.publickeys import PublicKeys, read_public_keys
from appliance.audit.sequencer import Sequencer
from appliance.core import Outcome, Principal, Usage
from appliance.egress.sealer import LocalSealer
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock

AUDITOR = Principal("auditor", "user", "session-2", "10.0.0.9")
ALICE = Principal("alice", "user", "session-1", "10.0.0.7")
NOW = FakeClock().now().timestamp()
COUNT = 600


@dataclass(frozen=True)
class Site:
    """A data folder with a filled log and the services over it."""

    folder: Path
    database: Database
    vault: Vault
    audit: AuditLog
    clock: FakeClock
    sealer: LocalSealer
    sequencer: Sequencer

    @property
    def keys(self) -> PublicKeys:
        return read_public_keys(self.folder / "keys")

    def seal(self) -> None:
        self.sequencer.run_once()

    def fill(self, count: int, text: str = "question") -> None:
        with self.database.write() as session:
            for number in range(count):
                self.audit.append(session, entry(number), text=f"{text} {number}")
        self.seal()

    def giving(self) -> Giving:
        return Giving(self.database, self.audit, self.seal)

    def export(self, out: Path, start: str = "", end: str = "", reason: str = "분기 점검") -> Path:
        exporter = Exporter(self.database, self.audit, self.clock, self.keys, self.seal)
        exporter.export(AUDITOR, Request(reason, start, end), out)
        return out


def entry(number: int) -> Entry:
    """What a prompt leaves, with something awkward in every field a format has to escape."""
    return Entry(
        action=AuditAction.PROMPT,
        actor=ALICE,
        outcome=Outcome.MASKED if number % 7 == 0 else Outcome.ALLOWED,
        object=f"conversation:{number}",
        subject="alice",
        task="completion",
        reason='=1+1,"a|b=c]\\d"\n둘째 줄' if number % 5 == 0 else "",
        rules=("chat.use", "dlp.rrn"),
        usage=Usage(3, 4, 1),
        detections={"phone": 1, "card": 2},
        request_id=f"request-{number}",
    )


def make_site(folder: Path) -> Site:
    (folder / "keys").mkdir(mode=0o700)
    (folder / "run").mkdir()
    clock = FakeClock()
    database = Database(f"sqlite:///{folder / 'naesil.db'}")
    migrate.upgrade(database)
    vault = Vault.open(folder / "keys", clock)
    with database.write() as session:
        vault.create_subject(session, "alice")
    sealer = LocalSealer(folder / "keys")
    audit = AuditLog(vault, clock, boot_id="boot-1")
    return Site(folder, database, vault, audit, clock, sealer, Sequencer(database, sealer))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A log of one's own."""
    found = make_site(tmp_path)
    yield found
    found.database.close()


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A log to look at: a checkpoint kept at 100 entries, in all over 600."""
    found = make_site(tmp_path_factory.mktemp("site"))
    found.fill(100)
    (found.folder / "kept.checkpoint").write_text(found.giving().checkpoint(AUDITOR))
    found.fill(COUNT - 100)
    found.export(found.folder / "whole.zip")
    found.export(found.folder / "part.zip", "290", "560")
    (found.folder / "log.vkey").write_text(found.keys.text)
    yield found
    found.database.close()
