"""What is past its date goes, what is held stays, and the log says how much it was."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.admin.retention import RetentionJob
from appliance.audit.log import AuditLog
from appliance.chat.library import Library
from appliance.chat.transcript import Transcript
from appliance.config import share_folder
from appliance.core import SYSTEM, Principal
from appliance.errors import Conflict
from appliance.identity import house as identity
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.policy.model import Parts, compiled
from appliance.policy.retention import CEILING
from appliance.storage.conversation_keys import ConversationKey
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.fakes import FakeClock
from tests.people import member

DAY = 86_400


class Records:
    """Conversations of two people over a real database, and the job that destroys them."""

    def __init__(self, database: Database, vault: Vault, audit: AuditLog, clock: FakeClock) -> None:
        self.database, self.clock = database, clock
        policy = self.policy = ActivePolicy(load(share_folder("policies")))
        self.transcript = Transcript(vault, clock)
        self.library = Library(database, self.transcript, audit, clock, lambda: ())
        people = identity.build(database, vault, audit, clock, policy)
        self.job = RetentionJob(database, audit, clock, people, self.library, policy)
        self.alice = member(database, vault, audit, clock, "alice")
        self.bob = member(database, vault, audit, clock, "bob")

    def add(self, person: Principal, number: int) -> None:
        with self.database.write() as session:
            for at in range(number):
                self._one(session, person, f"{person.user_id}-{self.clock.now().timestamp()}-{at}")

    def _one(self, session: Session, person: Principal, row_id: str) -> None:
        self.transcript.add_conversation(session, person, row_id, "제목")

    def keys(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(ConversationKey)) or 0

    def left(self, person: Principal) -> int:
        return len(self.library.list(person))


@pytest.fixture
def records(database: Database, vault: Vault, audit: AuditLog, clock: FakeClock) -> Records:
    return Records(database, vault, audit, clock)


def test_only_what_is_past_its_date_is_destroyed(records: Records, clock: FakeClock) -> None:
    records.add(records.alice, 120)
    clock.advance(200 * DAY)
    records.add(records.alice, 2)
    records.add(records.bob, 1)
    assert records.job.preview() == []
    clock.advance(166 * DAY)
    (due,) = records.job.preview()
    assert (due.user_id, due.rule, due.count) == (records.alice.user_id, "R-1", 120)
    told: list[tuple[int, int]] = []
    certificate = records.job.run(SYSTEM, lambda done, total: told.append((done, total)))
    assert told == [(100, 120), (120, 120)]
    assert (certificate.conversations, certificate.keys_destroyed, certificate.held_back) == (120, 120, 0)
    assert records.keys() == 3  # of the conversations that are left
    assert (records.left(records.alice), records.left(records.bob)) == (2, 1)
    assert records.job.run_if_due(SYSTEM) is None


def test_a_hold_keeps_everything_until_it_is_lifted(records: Records, clock: FakeClock) -> None:
    records.add(records.alice, 3)
    records.job.holds.place(SYSTEM, records.alice.user_id, "사건 2026-1")
    with pytest.raises(Conflict):
        records.job.holds.place(SYSTEM, records.alice.user_id, "again")
    clock.advance(400 * DAY)
    assert records.job.run(SYSTEM).held_back == 3
    assert records.left(records.alice) == 3
    with pytest.raises(Conflict, match="legal hold"):
        records.library.delete(records.alice, records.library.list(records.alice)[0].id)
    records.job.holds.lift(SYSTEM, records.alice.user_id)
    assert records.job.run(SYSTEM).conversations == 3
    assert (records.left(records.alice), records.keys()) == (0, 0)


def test_what_no_rule_names_is_kept_up_to_the_ceiling(records: Records, clock: FakeClock) -> None:
    parts = records.policy.current.parts
    documents = {name: getattr(parts, name) for name in Parts.__slots__}
    documents["retention"] = parts.retention.model_copy(update={"rules": ()})
    records.policy.replace(compiled(Parts(**documents), "without rules"))
    records.add(records.alice, 1)
    clock.advance(1825 * DAY)
    assert records.job.preview() == []
    clock.advance(DAY)
    (due,) = records.job.preview()
    assert (due.user_id, due.rule, due.count) == (records.alice.user_id, CEILING, 1)
