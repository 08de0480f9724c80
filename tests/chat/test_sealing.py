"""Every conversation has a key of its own, and nothing opens its texts once that is destroyed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select
from sqlalchemy.orm import Session

from appliance.audit.disclosure import Disclosures
from appliance.audit.entry import Leaf
from appliance.audit.log import AuditLog, commitment
from appliance.audit.publickeys import read_public_keys
from appliance.audit.reading import entries
from appliance.audit.sequencer import Sequencer
from appliance.chat import store
from appliance.chat.library import UNDO_FOR, Library
from appliance.chat.sealing import Sealing
from appliance.chat.service import Chat
from appliance.chat.transcript import Transcript
from appliance.completions.values import Reply
from appliance.core import Principal
from appliance.egress.sealer import LocalSealer
from appliance.errors import InvalidInput, NotFound
from appliance.evidence.singlecheck import check_file
from appliance.ids import new_id
from appliance.storage.conversation_keys import ConversationKey, ConversationKeys
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from tests.audit.conftest import PROMPT
from tests.chat.conftest import Scenario, follow, wish
from tests.fakes import FakeClock
from tests.scripted_runtime import ScriptedRuntime

QUESTION = "연차는 며칠 남았나?"
TABLES: list[Any] = [store.ConversationRow.__table__, store.MessageRow.__table__]
KEYS: list[Any] = [ConversationKey.__table__]


@pytest.fixture
def talk(
    chat: Chat, library: Library, alice: Principal, vault: Vault, clock: FakeClock, database: Database,
    play: Callable[[Scenario], None],
) -> str:  # fmt: skip
    """The id of a conversation of Alice's with everything in it that can be written."""
    made: list[str] = []

    async def scenario(_runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish(QUESTION, None, new_id()))
        await follow(chat, alice, sent.conversation_id, sent.answer_id)
        reply = Reply(state="done", reason="stop", text="나흘 남았습니다.", reasoning="달력을 본다.")
        with database.write() as session:
            Transcript(vault, clock).store_reply(session, sent.answer_id, reply)
        library.organise(alice, sent.conversation_id, folder="인사")
        made.append(sent.conversation_id)

    play(scenario)
    return made[0]


@pytest.fixture
def older(talk: str, database: Database, vault: Vault, alice: Principal) -> str:
    """The same conversation as it was before conversations had keys."""
    with database.write() as session:
        key = ConversationKeys(vault).of(session, alice.user_id, talk)
        person = vault.subject(session, alice.user_id)
        for row, column, kind in texts(session, talk):
            setattr(row, column, person.seal(kind, row.id, key.unseal(kind, row.id, getattr(row, column))))
        session.execute(delete(ConversationKey))
    return talk


def texts(session: Session, conversation_id: str) -> list[tuple[Any, str, str]]:
    """Every sealed text of a conversation: row, column, kind."""
    row = session.get_one(store.ConversationRow, conversation_id)
    question, answer = store.messages(session, conversation_id)
    of_messages = [(question, "body", "message"), (answer, "body", "message")]
    return [
        (row, "title", "title"),
        (row, "folder", "folder"),
        *of_messages,
        (answer, "reasoning", "reasoning"),
    ]


def copied(database: Database, tables: list[Any]) -> list[tuple[Any, list[dict[str, Any]]]]:
    with database.read() as session:
        return [(table, [dict(row) for row in session.execute(select(table)).mappings()]) for table in tables]


def brought_back(database: Database, copy: list[tuple[Any, list[dict[str, Any]]]]) -> None:
    with database.write() as session:
        for table, rows in copy:
            session.execute(insert(table), rows)


def read(library: Library, alice: Principal, conversation_id: str) -> list[str]:
    opened = library.open(alice, conversation_id)
    answer = opened.messages[-1]
    return [opened.title, opened.folder, opened.messages[0].text, answer.text, answer.reasoning]


WORDS = [QUESTION, "인사", QUESTION, "나흘 남았습니다.", "달력을 본다."]


def test_every_text_is_under_the_conversations_key_and_under_no_other(
    talk: str, library: Library, alice: Principal, database: Database, vault: Vault
) -> None:
    assert read(library, alice, talk) == WORDS
    with database.read() as session:
        own = ConversationKeys(vault).own(session, alice.user_id, talk)
        assert own is not None
        for row, column, kind in texts(session, talk):
            assert own.unseal(kind, row.id, getattr(row, column)) in WORDS
            with pytest.raises(NotFound):
                vault.unseal(session, alice.user_id, kind, row.id, getattr(row, column))


def test_a_copy_of_the_texts_and_the_root_key_open_nothing_once_the_key_is_destroyed(
    talk: str, library: Library, alice: Principal, database: Database, clock: FakeClock
) -> None:
    texts_before, keys_before = copied(database, TABLES), copied(database, KEYS)
    library.delete(alice, talk)
    clock.advance(UNDO_FOR.total_seconds() - 1)
    assert library.empty_bin() == 0
    library.bring_back(alice, talk)
    assert read(library, alice, talk) == WORDS
    library.delete(alice, talk)
    clock.advance(UNDO_FOR.total_seconds() + 1)
    assert library.empty_bin() == 1
    assert copied(database, KEYS)[0][1] == []
    brought_back(database, texts_before)
    with pytest.raises(NotFound, match="cannot be read"):
        library.open(alice, talk)
    brought_back(database, keys_before)  # the limit that docs/security.md names: that copy's own key row
    assert read(library, alice, talk) == WORDS


@pytest.mark.sqlite_only
def test_a_destroyed_key_is_in_no_file_of_the_data_folder(
    talk: str, library: Library, alice: Principal, database: Database, data_folder: Path, clock: FakeClock
) -> None:
    def holding(what: bytes) -> list[str]:
        return [path.name for path in data_folder.glob("*.db*") if what in path.read_bytes()]

    wrapped = copied(database, KEYS)[0][1][0]["wrapped"]
    assert holding(wrapped)
    library.delete(alice, talk)
    clock.advance(UNDO_FOR.total_seconds() + 1)
    assert library.empty_bin() == 1
    assert holding(wrapped) == []
    assert holding(alice.user_id.encode())  # where the rest is


def test_a_conversation_of_before_is_read_as_it_is_and_moves_whole_with_the_next_writing(
    older: str, library: Library, alice: Principal, database: Database, vault: Vault
) -> None:
    assert read(library, alice, older) == WORDS
    assert library.search(alice, "나흘")[0].conversation.id == older
    assert copied(database, KEYS)[0][1] == []
    library.rename(alice, older, "연차")
    assert read(library, alice, older) == ["연차", *WORDS[1:]]
    with database.read() as session:
        for row, column, kind in texts(session, older):
            with pytest.raises(NotFound):
                vault.unseal(session, alice.user_id, kind, row.id, getattr(row, column))


def test_two_that_write_to_a_conversation_of_before_at_once_move_it_once(
    older: str, library: Library, alice: Principal, database: Database, vault: Vault
) -> None:
    sealing, began = Sealing(vault), threading.Event()

    def second() -> None:
        began.set()
        with database.write(shared=True) as session:
            row = session.get_one(store.ConversationRow, older)
            row.title = sealing.writing(session, alice.user_id, older).seal("title", older, "둘째")

    thread = threading.Thread(target=second)
    with database.write(shared=True) as session:
        sealing.writing(session, alice.user_id, older)
        thread.start()
        began.wait()
    thread.join()
    assert read(library, alice, older) == ["둘째", *WORDS[1:]]


def test_the_owner_shows_a_text_of_a_kept_conversation_and_none_of_a_destroyed_one(
    talk: str, library: Library, alice: Principal, database: Database, vault: Vault, audit: AuditLog,
    clock: FakeClock, data_folder: Path,
) -> None:  # fmt: skip
    with database.write() as session:  # what was recorded before its conversation had a key
        before = replace(PROMPT, actor=alice, subject=alice.user_id, object=f"conversation:{talk}")
        row = (
            session.execute(delete(ConversationKey).returning(*ConversationKey.__table__.c)).mappings().one()
        )
        audit.append(session, before, text="어제의 질문")
        session.execute(insert(ConversationKey), [dict(row)])
    sealer = LocalSealer(data_folder / "keys")
    sequencer = Sequencer(database, sealer)
    sequencer.run_once()
    prompt, old = [leaf for leaf in entries(database, 0, 50) if leaf.action == "chat:prompt:accept"]

    def seal() -> None:
        sequencer.run_once()

    disclosures = Disclosures(database, vault, audit, seal)
    ring = read_public_keys(data_folder / "keys").ring()
    for leaf, text in ((prompt, QUESTION), (old, "어제의 질문")):
        shown = disclosures.disclose(alice, index_of(leaf), text, "분쟁 조정")
        (data_folder / "shown").write_text(shown)
        assert check_file(data_folder / "shown", ring, now=clock.now().timestamp() + 9).kind == "disclosure"
        with pytest.raises(InvalidInput, match="not the text"):
            disclosures.disclose(alice, index_of(leaf), "다른 말", "분쟁 조정")
    library.delete(alice, talk)
    clock.advance(UNDO_FOR.total_seconds() + 1)
    library.empty_bin()
    with pytest.raises(InvalidInput, match="was destroyed"):
        disclosures.disclose(alice, index_of(prompt), QUESTION, "분쟁 조정")
    with database.read() as session:
        person = vault.subject(session, alice.user_id).for_commitments
    guess = commitment(person, prompt.id, bytes.fromhex(prompt.salt), QUESTION)
    assert guess.hex() != prompt.commitment  # the person's key, which lives on, tests no guess
    purged = [leaf for leaf in entries(database, 0, 50) if leaf.action == "chat:conversation:destroy"]
    assert [leaf.reason for leaf in purged] == ["keys destroyed 1"]


def index_of(leaf: Leaf) -> int:
    assert leaf.index is not None
    return leaf.index


def test_a_page_asks_for_its_key_once_and_a_list_for_all_keys_at_once(
    talk: str, library: Library, alice: Principal, database: Database, vault: Vault, clock: FakeClock
) -> None:
    def asked(read: Callable[[], object]) -> int:
        with statements(database) as seen:
            read()
        return len([one for one in seen if "conversation_keys" in one])

    assert asked(lambda: library.open(alice, talk)) == 1
    with database.write() as session:
        for number in range(20):
            Transcript(vault, clock).add_conversation(session, alice, f"c{number}", "제목")
    assert asked(lambda: library.list(alice)) == 1
    assert asked(lambda: library.search(alice, "나흘")) == 1


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
