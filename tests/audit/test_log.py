"""An entry is there exactly when its action is, and holds no word of what was said."""

import hashlib
import hmac
from collections.abc import Callable

import pytest

from appliance.audit.log import AuditLog, commitment
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.audit.verify import Report
from appliance.errors import NotFound
from appliance.storage.engine import Database
from appliance.storage.vault import SubjectKey, Vault
from tests.audit.conftest import PROMPT


@pytest.mark.usefixtures("record")
def test_the_entry_says_who_when_from_where_whose_data_and_which_task(
    database: Database, audit: AuditLog, sequencer: Sequencer
) -> None:
    with database.write() as session:
        entry_id = audit.append(session, PROMPT, text="question")
    sequencer.run_once()
    (leaf,) = entries(database, 0, 10)
    assert (leaf.id, leaf.index, leaf.v) == (entry_id, 0, 1)
    assert (leaf.actor.id, leaf.actor.kind, leaf.actor.credential) == ("alice", "user", "session-1")
    assert (leaf.time, leaf.boot) == ("2026-03-02T09:00:00.000000Z", "boot-1")
    assert (leaf.actor.origin, leaf.subject, leaf.task) == ("10.0.0.7", "alice", "completion")
    assert (leaf.action, leaf.outcome, leaf.object) == ("chat:prompt:accept", "allowed", "conversation:1")
    assert (leaf.rules, leaf.detections) == (("chat.use",), {"phone": 1, "card": 2})
    assert leaf.tokens is not None
    assert (leaf.tokens.prompt, leaf.tokens.completion, leaf.tokens.cached) == (3, 4, 1)


@pytest.mark.usefixtures("record")
def test_the_commitment_opens_with_the_subjects_key_and_only_for_this_text(
    database: Database, vault: Vault, audit: AuditLog, sequencer: Sequencer
) -> None:
    with database.write() as session:
        for _ in range(2):
            audit.append(session, PROMPT, text="질문")
        key = vault.subject(session, "alice").for_commitments
    sequencer.run_once()
    first, second = entries(database, 0, 2)
    salt = bytes.fromhex(first.salt)
    inner = hmac.new(key, b"commit" + first.id.encode() + salt, hashlib.sha256).digest()
    assert first.commitment == hmac.new(inner, "질문".encode(), hashlib.sha256).hexdigest()
    assert first.commitment != second.commitment
    assert first.commitment != commitment(key, first.id, salt, "질문?").hex()
    assert first.commitment != commitment(bytes(32), first.id, salt, "질문").hex()


def test_an_action_that_is_undone_leaves_no_entry(
    database: Database, audit: AuditLog, sequencer: Sequencer, record: Callable[[int], None]
) -> None:
    def act() -> None:
        with database.write() as session:
            audit.append(session, PROMPT)
            raise RuntimeError("the action failed")

    record(1)
    with pytest.raises(RuntimeError, match="the action failed"):
        act()
    assert sequencer.run_once() == 1


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("record")
def test_no_word_of_the_text_reaches_the_database(
    database: Database, audit: AuditLog, sequencer: Sequencer
) -> None:
    with database.write() as session:
        audit.append(session, PROMPT, text="무지개송어")
    sequencer.run_once()
    (leaf,) = entries(database, 0, 1)
    assert "무지개" not in repr(leaf)
    with database.engine.connect() as connection:
        dump = connection.connection.driver_connection
        assert dump is not None
        assert "무지개" not in "\n".join(dump.iterdump())


def test_a_text_of_a_subject_without_a_key_is_refused(database: Database, audit: AuditLog) -> None:
    with pytest.raises(NotFound), database.write() as session:
        audit.append(session, PROMPT, text="question")


def test_erasing_a_subject_leaves_a_log_that_verifies(
    database: Database,
    vault: Vault,
    sequencer: Sequencer,
    record: Callable[[int], None],
    check: Callable[[], Report],
) -> None:
    record(3)
    sequencer.run_once()
    with database.write() as session:
        vault.destroy_subject(session, "alice")
    with database.read() as session:
        assert session.get(SubjectKey, "alice") is None
    assert check() == Report(True, 3, 1, 0)


def test_reading_starts_where_it_is_told_and_stops_at_its_limit(
    database: Database, sequencer: Sequencer, record: Callable[[int], None]
) -> None:
    record(5)
    sequencer.run_once()
    assert [leaf.index for leaf in entries(database, 1, 3)] == [1, 2, 3]
    assert entries(database, 5, 3) == []
