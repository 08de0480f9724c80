"""Conversations belong to one person, survive reloads and retries, and are sealed on disk."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.chat.library import Library
from appliance.chat.service import Chat
from appliance.core import Principal
from appliance.errors import Conflict, InvalidInput, NotFound
from appliance.ids import new_id
from appliance.protocol.messages import Finished, StreamEvent, Token
from tests.chat.conftest import Scenario, follow, wish
from tests.scripted_runtime import LONG, ScriptedRuntime


def said(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def test_a_question_is_answered_kept_and_listed(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("오늘 일정을\n정리해 줘", None, new_id(), "r-1"))
        events = await follow(chat, alice, sent.conversation_id, sent.answer_id)
        assert said(events) == "안녕하세요"
        assert isinstance(events[-1], Finished)
        conversation = library.open(alice, sent.conversation_id)
        assert [message.text for message in conversation.messages] == ["오늘 일정을\n정리해 줘", "안녕하세요"]
        assert [message.state for message in conversation.messages] == ["done", "done"]
        assert [summary.title for summary in library.list(alice)] == ["오늘 일정을"]

    play(scenario)


def test_the_model_reads_the_whole_conversation_so_far(
    chat: Chat, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("하나", None, new_id(), "r-1"))
        await follow(chat, alice, sent.conversation_id, sent.answer_id)
        again = await chat.send(alice, wish("둘", sent.conversation_id, new_id(), "r-2"))
        await follow(chat, alice, again.conversation_id, again.answer_id)
        assert [turn.content for turn in runtime.asked[1].turns] == ["하나", "안녕하세요", "둘"]
        assert runtime.asked[1].cache_scope == runtime.asked[0].cache_scope
        assert alice.user_id in runtime.asked[0].cache_scope

    play(scenario)


def test_a_second_tab_hears_the_running_answer_from_its_beginning(
    chat: Chat, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        sent = await chat.send(alice, wish("길게", None, new_id(), "r-1"))
        first = chat.events(alice, sent.conversation_id, sent.answer_id)
        assert isinstance(await anext(first), Token)
        late = asyncio.create_task(follow(chat, alice, sent.conversation_id, sent.answer_id))
        await asyncio.sleep(0)
        runtime.send(Finished(id=sent.answer_id, reason="stop"))
        assert said(await late) == "".join(LONG)

    play(scenario)


def test_stop_keeps_the_partial_text_and_frees_the_model(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        sent = await chat.send(alice, wish("길게", None, new_id(), "r-1"))
        stream = chat.events(alice, sent.conversation_id, sent.answer_id)
        heard = [await anext(stream)]
        await chat.stop(alice, sent.conversation_id)
        answer = library.open(alice, sent.conversation_id).messages[-1]
        assert (answer.state, answer.reason) == ("stopped", "cancelled")
        heard += [event async for event in stream]
        assert answer.text
        assert said(heard) == answer.text  # what was still held back at the stop is told, too
        while not runtime.cancelled:
            await asyncio.sleep(0)
        assert runtime.cancelled == [sent.answer_id]

    play(scenario)


def test_a_repeated_message_is_answered_once(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        client_id = new_id()
        copies = await asyncio.gather(
            *(chat.send(alice, wish("한 번만", None, client_id, f"r-{number}")) for number in range(4))
        )
        assert len(set(copies)) == 1
        await follow(chat, alice, copies[0].conversation_id, copies[0].answer_id)
        assert len(runtime.asked) == 1
        assert len(library.list(alice)) == 1

    play(scenario)


def test_a_second_question_while_an_answer_runs_is_refused_and_nothing_kept(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        sent = await chat.send(alice, wish("길게", None, new_id(), "r-1"))
        with pytest.raises(Conflict):
            await chat.send(alice, wish("또", sent.conversation_id, new_id(), "r-2"))
        assert len(library.open(alice, sent.conversation_id).messages) == 2

    play(scenario)


def test_bob_finds_nothing_of_alices_by_any_door(
    chat: Chat, library: Library, alice: Principal, bob: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("비밀", None, new_id(), "r-1"))
        await follow(chat, alice, sent.conversation_id, sent.answer_id)
        assert library.list(bob) == []
        with pytest.raises(NotFound):
            library.open(bob, sent.conversation_id)
        with pytest.raises(NotFound):
            await follow(chat, bob, sent.conversation_id, sent.answer_id)
        with pytest.raises(NotFound):
            await chat.send(bob, wish("내 것?", sent.conversation_id, new_id(), "r-2"))
        with pytest.raises(NotFound):
            await chat.stop(bob, sent.conversation_id)
        with pytest.raises(NotFound):
            library.rename(bob, sent.conversation_id, "내 것")
        with pytest.raises(NotFound):
            library.delete(bob, sent.conversation_id)
        own = await chat.send(bob, wish("내 질문", None, new_id(), "r-3"))
        with pytest.raises(NotFound):
            await follow(chat, bob, own.conversation_id, sent.answer_id)
        assert len(library.open(alice, sent.conversation_id).messages) == 2

    play(scenario)


def test_deleting_while_it_is_answered_leaves_nothing(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        runtime.hold, runtime.words = True, LONG
        sent = await chat.send(alice, wish("지울 것", None, new_id(), "r-1"))
        await chat.leave(alice, sent.conversation_id)
        library.delete(alice, sent.conversation_id)
        assert library.list(alice) == []
        with pytest.raises(NotFound):
            library.open(alice, sent.conversation_id)

    play(scenario)


def test_what_the_model_remembers_goes_with_the_conversation_and_with_the_person(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("지울 것", None, new_id(), "r-1"))
        await chat.leave(alice, sent.conversation_id)
        library.delete(alice, sent.conversation_id)
        await chat.quiet_down(alice.user_id)
        while len(runtime.forgotten) < 2:
            await asyncio.sleep(0)
        assert runtime.forgotten == [f"{alice.user_id}/{sent.conversation_id}", f"{alice.user_id}/"]
        assert runtime.asked[0].cache_scope == runtime.forgotten[0]

    play(scenario)


def test_a_title_can_be_changed_but_not_to_nonsense(
    chat: Chat, library: Library, alice: Principal, play: Callable[[Scenario], None]
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("처음", None, new_id(), "r-1"))
        assert library.rename(alice, sent.conversation_id, "  회의   메모 ") == "회의 메모"
        assert library.list(alice)[0].title == "회의 메모"
        for title in ("", "   ", "가" * 201, "a\x00b"):
            with pytest.raises(InvalidInput):
                library.rename(alice, sent.conversation_id, title)

    play(scenario)


@pytest.mark.parametrize(
    ("text", "client_id"), [("", new_id()), (" \n ", new_id()), ("\ud800", new_id()), ("a", "no-id")]
)
def test_an_unusable_message_is_refused(
    chat: Chat,
    library: Library,
    alice: Principal,
    play: Callable[[Scenario], None],
    text: str,
    client_id: str,
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        with pytest.raises(InvalidInput):
            await chat.send(alice, wish(text, None, client_id, "r-1"))
        assert library.list(alice) == []

    play(scenario)


def test_no_word_of_a_conversation_is_in_the_database_file(
    chat: Chat, alice: Principal, play: Callable[[Scenario], None], data_folder: Path
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        sent = await chat.send(alice, wish("quetzalcoatl", None, new_id(), "r-1"))
        await follow(chat, alice, sent.conversation_id, sent.answer_id)

    play(scenario)
    for path in data_folder.glob("naesil.db*"):
        assert b"quetzalcoatl" not in path.read_bytes()
        assert "안녕하세요".encode() not in path.read_bytes()
