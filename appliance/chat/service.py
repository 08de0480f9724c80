"""Asking and answering: send, edit, ask again, follow, stop, and which branch is shown.

Everything is scoped to the principal; somebody else's conversation is NotFound. The
synchronous methods are one short transaction each and belong in the thread pool.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.chat import store
from appliance.chat.assistants import Assistants
from appliance.chat.attachments import Attachments
from appliance.chat.enclosing import Enclosed, enclose
from appliance.chat.makers import MODEL, Maker, maker_in
from appliance.chat.running import RunningAnswer
from appliance.chat.titles import title_from
from appliance.chat.transcript import Place, Rows, Transcript
from appliance.chat.values import Sent, Wish
from appliance.completions.pipeline import Completions
from appliance.completions.values import Admitted, Ask
from appliance.core import DataClass, Permission, Principal, Target, highest
from appliance.errors import N_, Conflict, InvalidInput, NaesilError, NotFound
from appliance.ids import is_id, new_id
from appliance.inference.client import InferenceClient
from appliance.protocol.messages import Failed, Finished, StreamEvent
from appliance.storage.engine import Database


class Chat:
    """The service.

    Both belong to the event loop: `_running`, answers being made, by their id; `_sending`,
    conversations whose next question is on its way into the database (None: a new one).
    """

    def __init__(
        self, database: Database, transcript: Transcript, completions: Completions,
        inference: InferenceClient, assistants: Assistants, attachments: Attachments,
    ) -> None:  # fmt: skip
        self._database = database
        self._transcript = transcript
        self._completions = completions
        self._inference = inference
        self._assistants = assistants
        self._attachments = attachments
        self._running: dict[str, RunningAnswer] = {}
        self._sending: list[str | None] = []

    @property
    def running(self) -> Collection[str]:
        """The ids of the answers that are being made."""
        return self._running.keys()

    async def send(self, principal: Principal, wish: Wish) -> Sent:
        """Keep a question, start its answer, and say where both are.

        The same wish again changes nothing and gives the same answer. Raises InvalidInput,
        NotFound, Conflict (an answer is still running here), PolicyViolation, LimitReached,
        Unavailable; then nothing was kept.
        """
        _check(wish)
        sending = asyncio.create_task(self._send(principal, wish))
        return await asyncio.shield(sending)  # a page that leaves now must not orphan an admitted answer

    async def compare(self, principal: Principal, wish: Wish, second: Wish) -> tuple[Sent, Sent]:
        """Ask one question of two makers at the same time; the answers are versions of each other.

        `second` brings its ids and maker. Raises what `send` raises.
        """
        first = await self.send(principal, wish)
        beside = replace(
            second, conversation_id=first.conversation_id, instead_of=first.answer_id, again=True, beside=True
        )
        return first, await self.send(principal, beside)

    async def events(
        self, principal: Principal, conversation_id: str, answer_id: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """An answer from its beginning, live if it still runs. Leaving does not stop it."""
        running = self._running.get(answer_id)  # before looking at the row: it may end meanwhile
        replay = await asyncio.to_thread(self._replay, principal, conversation_id, answer_id)
        if running is None:
            for event in replay:
                yield event
            return
        async for event in running.follow():
            yield event

    async def stop(self, principal: Principal, conversation_id: str) -> None:
        """End the running answer, keeping what was said; done when it is recorded."""
        await asyncio.to_thread(self._require, principal, conversation_id)
        for running in list(self._running.values()):
            if running.conversation_id == conversation_id:
                await _end(running)

    async def leave(self, principal: Principal, conversation_id: str) -> None:
        """Stop, and free what the model remembers: the conversation is going to be deleted."""
        await self.stop(principal, conversation_id)
        self._inference.forget(_cache_scope(principal.user_id, conversation_id))

    async def quiet_down(self, user_id: str) -> None:
        """End everything of this person that is under way, and what the model remembers of it."""
        for running in list(self._running.values()):
            if running.user_id == user_id:
                await _end(running)
        self._inference.forget(_cache_scope(user_id, ""))  # all of theirs, the API's too

    def show(self, principal: Principal, conversation_id: str, message_id: str) -> None:
        """Turn to the newest branch through this message."""
        with self._database.write() as session:
            row = owned(session, principal, conversation_id)
            rows = Rows(store.messages(session, row.id))
            node = rows.get(message_id)
            if node is None:
                raise _no_message()
            leaf = rows.end_of(node)
            row.leaf_id, row.maker = leaf.id, leaf.maker

    def recover(self) -> int:
        """Settle the answers that a former process left unfinished; before serving."""
        return self._completions.recover(self._transcript.store_reply)

    async def close(self) -> None:
        """Stop and record every running answer; at the end of the process."""
        for running in list(self._running.values()):
            await _end(running)

    async def _send(self, principal: Principal, wish: Wish) -> Sent:
        if earlier := await asyncio.to_thread(self._sent_before, principal, wish.client_id):
            return earlier
        if wish.conversation_id is not None and not wish.beside and self._busy(wish.conversation_id):
            raise Conflict(N_("An answer is still being written here. Wait for it or stop it first."))
        self._sending.append(wish.conversation_id)
        try:
            files = await self._attachments.fitted(principal, wish.conversation_id, wish.attachments)
            sent, admitted = await asyncio.to_thread(self._admit, principal, wish, files)
            running = RunningAnswer(admitted.answer_id, sent.conversation_id, principal.user_id)
            self._running[admitted.answer_id] = running
            running.task = asyncio.create_task(self._answer(running, admitted), name="answer")
        except IntegrityError:
            if earlier := await asyncio.to_thread(self._sent_before, principal, wish.client_id):
                return earlier  # two copies of one message raced; the other one won
            raise Conflict(N_("This conversation was changed elsewhere. Reload the page.")) from None
        finally:
            self._sending.remove(wish.conversation_id)
        return sent

    def _busy(self, conversation_id: str) -> bool:
        answering = (running.conversation_id for running in self._running.values())
        return conversation_id in self._sending or conversation_id in answering

    def _admit(self, principal: Principal, wish: Wish, attached: Sequence[Enclosed]) -> tuple[Sent, Admitted]:
        with self._database.read() as session:
            place, before, text, files = self._plan(session, principal, wish)
            files = (*files, *attached)
            maker = self._maker(session, principal, wish)
            data_class = highest(maker.data_class, _class_of(session, principal, wish))
            turns = self._transcript.turns(session, before)
            released = self._transcript.released(session, before)
        place, system = replace(place, maker=maker.id), maker.system

        def keep(session: Session, admitted: Admitted) -> None:
            if wish.conversation_id is None:
                self._transcript.add_conversation(session, principal, place.conversation_id, title_from(text))
            row = owned(session, principal, place.conversation_id)
            row.maker = maker.id
            if maker.assistant is not None:
                self._assistants.record_use(session, principal, maker.id)
            row.data_class = highest(DataClass(row.data_class), admitted.ask.target.data_class)
            if wish.again:
                self._transcript.add_another_answer(session, place, admitted)
            else:
                self._transcript.add_exchange(session, place, text, admitted, files)
                self._attachments.send_in(session, principal, place.conversation_id, files)

        ask = Ask(
            principal=principal,
            permission=Permission.CHAT_USE,
            turns=(*system, *turns, self._transcript.question(text, files)),
            enclosed=len(enclose(files)),
            new_from=len(system) + len(turns),
            released=frozenset(number + len(system) for number in released),
            choice=wish.choice.way,
            stated_reason=wish.choice.reason,
            sampling=maker.sampling,
            prefix_turns=len(system) if maker.prefix_scope else 0,
            prefix_scope=maker.prefix_scope,
            request_id=wish.request_id,
            object=f"conversation:{place.conversation_id}",
            subject_id=principal.user_id,
            cache_scope=_cache_scope(principal.user_id, place.conversation_id),
            target=Target(assistant=maker.policy_name, data_class=data_class),
            trim=True,
            own_replies=True,
        )
        admitted = self._completions.admit(ask, keep)
        return Sent(place.conversation_id, place.question_id, admitted.answer_id), admitted

    def _maker(self, session: Session, principal: Principal, wish: Wish) -> Maker:
        """What the wish names, else what the conversation has. Conflict when its model is not loaded."""
        maker_id = wish.maker
        if not maker_id and wish.conversation_id is not None:
            maker_id = owned(session, principal, wish.conversation_id).maker
        maker, loaded = maker_in(session, self._assistants, principal, maker_id), self._inference.model
        if wish.maker.startswith(MODEL) and loaded is not None and wish.maker != MODEL + loaded.model_name:
            raise Conflict(N_("Another model was chosen meanwhile. Ask again."))
        if maker.model and loaded is not None and maker.model != loaded.model_name:
            raise Conflict(
                N_("This assistant answers with the model %(model)s, but %(loaded)s is loaded. Ask an "
                   "administrator, or choose another assistant."),
                model=maker.model, loaded=loaded.model_name,
            )  # fmt: skip
        return maker

    def _plan(
        self, session: Session, principal: Principal, wish: Wish
    ) -> tuple[Place, Sequence[store.MessageRow], str, tuple[Enclosed, ...]]:
        """Where the wish goes in the tree, the messages before it, the question's text and its old files."""
        user_id = principal.user_id
        if wish.conversation_id is None:
            return Place(user_id, new_id(), new_id(), None, wish.client_id), [], wish.text, ()
        row = owned(session, principal, wish.conversation_id)
        rows = Rows(store.messages(session, row.id))
        question_id, text = new_id(), wish.text
        files: tuple[Enclosed, ...] = ()
        before = rows.path(row.leaf_id)
        if wish.instead_of:
            node = rows.get(wish.instead_of)
            if node is None or (node.role == "assistant") is not wish.again:
                raise _no_message()
            before = rows.path(node.id)[:-1]
            question = before.pop() if wish.again else node
            files = self._transcript.files(session, question)
            if wish.again:
                question_id, text = question.id, self._transcript.text(session, question)
        parent_id = before[-1].id if before else None
        place = Place(user_id, row.id, question_id, parent_id, wish.client_id)
        return place, before, text, files

    async def _answer(self, running: RunningAnswer, admitted: Admitted) -> None:
        try:
            async with aclosing(self._completions.stream(admitted, self._transcript.store_reply)) as events:
                async for event in events:
                    running.publish(event)
        except asyncio.CancelledError:
            running.complete(await self._stopped(running))
        except NaesilError:
            running.publish(Failed(id=running.answer_id, code="internal"))
        finally:
            del self._running[running.answer_id]

    async def _stopped(self, running: RunningAnswer) -> Sequence[StreamEvent]:
        """A stopped answer as it was recorded, to the last word that the policy's screen still held."""
        try:
            return await asyncio.to_thread(self._recorded, running)
        except (asyncio.CancelledError, NaesilError):
            return (Finished(id=running.answer_id, reason="cancelled"),)

    def _recorded(self, running: RunningAnswer) -> Sequence[StreamEvent]:
        with self._database.read() as session:
            row = store.message(session, running.user_id, running.answer_id)
            if row is None:  # its conversation was deleted meanwhile
                return (Finished(id=running.answer_id, reason="cancelled"),)
            return self._transcript.replay(session, row)

    def _replay(self, principal: Principal, conversation_id: str, answer_id: str) -> tuple[StreamEvent, ...]:
        with self._database.read() as session:
            owned(session, principal, conversation_id)
            row = store.message(session, principal.user_id, answer_id)
            if row is None or row.conversation_id != conversation_id:
                raise NotFound(N_("There is no such answer."))
            return self._transcript.replay(session, row)

    def _require(self, principal: Principal, conversation_id: str) -> None:
        with self._database.read() as session:
            owned(session, principal, conversation_id)

    def _sent_before(self, principal: Principal, client_id: str) -> Sent | None:
        with self._database.read() as session:
            pair = store.sent_before(session, principal.user_id, client_id)
        return None if pair is None else Sent(pair[0].conversation_id, pair[0].id, pair[1].id)


def owned(session: Session, principal: Principal, conversation_id: str) -> store.ConversationRow:
    """The conversation, if it is theirs. NotFound for a missing one and for somebody else's."""
    row = store.conversation(session, principal.user_id, conversation_id)
    if row is None:
        raise NotFound(N_("There is no such conversation. It may have been deleted."))
    return row


def _class_of(session: Session, principal: Principal, wish: Wish) -> DataClass:
    """The class that the wish's conversation will have at least."""
    if wish.conversation_id is None:
        return wish.data_class
    return highest(wish.data_class, DataClass(owned(session, principal, wish.conversation_id).data_class))


async def _end(running: RunningAnswer) -> None:
    if running.task is not None:
        running.task.cancel()
        await asyncio.wait([running.task])


def _no_message() -> NotFound:
    return NotFound(N_("There is no such message."))


def _check(wish: Wish) -> None:
    if not wish.text.strip() and not wish.again:
        raise InvalidInput(N_("The message is empty. Type a question first."), field="text")
    if not is_id(wish.client_id):
        raise InvalidInput(
            N_("The page sent an unusable message id. Reload it and try again."), field="client_id"
        )
    try:
        wish.text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            N_("The message contains characters that are not valid text. Remove them and try again."),
            field="text",
        ) from None


def _cache_scope(user_id: str, conversation_id: str) -> str:
    return f"{user_id}/{conversation_id}"
