"""What a person does with their conversations: list, open, send, follow, stop, rename, delete.

Everything is scoped to the principal; somebody else's conversation is NotFound. The
synchronous methods are one short transaction each and belong in the thread pool.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.chat import store
from appliance.chat.running import RunningAnswer
from appliance.chat.titles import title_from
from appliance.chat.transcript import Transcript
from appliance.chat.values import UNDECIDED, Choice, Conversation, ConversationSummary, Sent
from appliance.clock import Clock
from appliance.completions.pipeline import Completions
from appliance.completions.values import Admitted, Ask
from appliance.core import Outcome, Permission, Principal
from appliance.errors import N_, Conflict, InvalidInput, NaesilError, NotFound
from appliance.ids import is_id, new_id
from appliance.inference.client import InferenceClient
from appliance.protocol.messages import Failed, Finished, Sampling, StreamEvent
from appliance.storage.engine import Database
from appliance.storage.vault import Vault

MAX_TITLE = 200
SAMPLING = Sampling(temperature=0.6, top_p=0.95, repeat_penalty=1.05)


class Chat:
    """The service.

    Both belong to the event loop: `_running`, answers being made, by their id; `_sending`,
    conversations whose next question is on its way into the database (None: a new one).
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        audit: AuditLog,
        completions: Completions,
        inference: InferenceClient,
        clock: Clock,
    ) -> None:
        self._database = database
        self._audit = audit
        self._completions = completions
        self._inference = inference
        self._clock = clock
        self._transcript = Transcript(vault, clock)
        self._running: dict[str, RunningAnswer] = {}
        self._sending: list[str | None] = []

    def list(self, principal: Principal) -> list[ConversationSummary]:
        """This person's conversations, the one used last first."""
        with self._database.read() as session:
            rows = store.conversations(session, principal.user_id)
            return [
                ConversationSummary(row.id, self._transcript.title(session, row), row.updated_at)
                for row in rows
            ]

    def open(self, principal: Principal, conversation_id: str) -> Conversation:
        """The conversation with all its messages. NotFound when there is none of theirs."""
        with self._database.read() as session:
            row = _owned(session, principal, conversation_id)
            messages = self._transcript.messages(session, row, running=self._running.keys())
            return Conversation(row.id, self._transcript.title(session, row), messages)

    async def send(
        self, principal: Principal, conversation_id: str | None, text: str, client_id: str, request_id: str,
        choice: Choice = UNDECIDED,
    ) -> Sent:  # fmt: skip
        """Keep a question, start its answer, and say where both are.

        `client_id` is a UUID made by the page; sending it again changes nothing and gives the
        same answer. Raises InvalidInput, NotFound, Conflict (an answer is still running here),
        PolicyViolation, LimitReached, Unavailable; then nothing was kept.
        """
        _check(text, client_id)
        sending = asyncio.create_task(
            self._send(principal, conversation_id, text, client_id, request_id, choice)
        )
        return await asyncio.shield(sending)  # a page that leaves now must not orphan an admitted answer

    async def events(
        self, principal: Principal, conversation_id: str, answer_id: str
    ) -> AsyncIterator[StreamEvent]:
        """An answer from its beginning, live if it still runs. Leaving does not stop it."""
        replay = await asyncio.to_thread(self._replay, principal, conversation_id, answer_id)
        running = self._running.get(answer_id)
        if running is None:
            for event in replay:
                yield event
            return
        async for event in running.follow():
            yield event

    async def stop(self, principal: Principal, conversation_id: str) -> None:
        """End the running answer, keeping what was said; done when it is recorded."""
        await asyncio.to_thread(self._require, principal, conversation_id)
        await self._stop_running(conversation_id)

    def rename(self, principal: Principal, conversation_id: str, title: str) -> str:
        """Give the conversation another title; the one that was kept is returned."""
        title = " ".join(title.split())
        if not title or len(title) > MAX_TITLE or not title.isprintable():
            raise InvalidInput(
                N_("A title has 1 to %(limit)d characters on one line."), field="title", limit=MAX_TITLE
            )
        with self._database.write() as session:
            row = _owned(session, principal, conversation_id)
            row.title = self._transcript.seal_title(session, row, title)
            self._audit.append(session, _entry(AuditAction.CONVERSATION_RENAMED, principal, row.id))
        return title

    async def delete(self, principal: Principal, conversation_id: str) -> None:
        """Remove the conversation, its messages and what the model remembers of it."""
        await self.stop(principal, conversation_id)
        await asyncio.to_thread(self._delete, principal, conversation_id)
        self._inference.forget(_cache_scope(principal.user_id, conversation_id))

    async def quiet(self, user_id: str) -> None:
        """End everything of this person that is under way, and what the model remembers of it."""
        for conversation_id in await asyncio.to_thread(self._ids, user_id):
            await self._stop_running(conversation_id)
        self._inference.forget(_cache_scope(user_id, ""))  # all of theirs, the API's too

    def remove_everything_in(self, session: Session, user_id: str) -> tuple[int, int]:
        """Remove all of a person's conversations, in the caller's transaction: (conversations, messages)."""
        return store.remove_everything(session, user_id)

    def recover(self) -> int:
        """Settle the answers that a former process left unfinished; before serving."""
        return self._completions.recover(self._transcript.store_reply)

    async def close(self) -> None:
        """Stop and record every running answer; at the end of the process."""
        for running in list(self._running.values()):
            await _end(running)

    async def _send(
        self, principal: Principal, conversation_id: str | None, text: str, client_id: str, request_id: str,
        choice: Choice,
    ) -> Sent:  # fmt: skip
        if earlier := await asyncio.to_thread(self._sent_before, principal, client_id):
            return earlier
        if conversation_id is not None and self._busy(conversation_id):
            raise Conflict(N_("An answer is still being written here. Wait for it or stop it first."))
        self._sending.append(conversation_id)
        try:
            sent, admitted = await asyncio.to_thread(
                self._admit, principal, conversation_id, text, client_id, request_id, choice
            )
            running = RunningAnswer(admitted.answer_id, sent.conversation_id)
            self._running[admitted.answer_id] = running
            running.task = asyncio.create_task(self._answer(running, admitted), name="answer")
        except IntegrityError:
            if earlier := await asyncio.to_thread(self._sent_before, principal, client_id):
                return earlier  # two copies of one message raced; the other one won
            raise Conflict(N_("This conversation was changed elsewhere. Reload the page.")) from None
        finally:
            self._sending.remove(conversation_id)
        return sent

    def _busy(self, conversation_id: str) -> bool:
        answering = (running.conversation_id for running in self._running.values())
        return conversation_id in self._sending or conversation_id in answering

    def _admit(
        self, principal: Principal, conversation_id: str | None, text: str, client_id: str, request_id: str,
        choice: Choice,
    ) -> tuple[Sent, Admitted]:  # fmt: skip
        with self._database.read() as session:
            row = None if conversation_id is None else _owned(session, principal, conversation_id)
            turns = () if row is None else self._transcript.turns(session, row)
            released = frozenset() if row is None else self._transcript.released(session, row)
        place = conversation_id or new_id()
        question_id = new_id()

        def keep(session: Session, admitted: Admitted) -> None:
            if conversation_id is None:
                self._transcript.add_conversation(session, principal, place, title_from(text))
            else:
                _owned(session, principal, place)
            self._transcript.add_exchange(session, principal, place, question_id, text, client_id, admitted)

        ask = Ask(
            principal=principal,
            permission=Permission.CHAT_USE,
            turns=(*turns, self._transcript.question(text)),
            new_from=len(turns),
            released=released,
            choice=choice.way,
            stated_reason=choice.reason,
            sampling=SAMPLING,
            request_id=request_id,
            object=f"conversation:{place}",
            subject_id=principal.user_id,
            cache_scope=_cache_scope(principal.user_id, place),
            trim=True,
            own_replies=True,
        )
        admitted = self._completions.admit(ask, keep)
        return Sent(place, question_id, admitted.answer_id), admitted

    async def _answer(self, running: RunningAnswer, admitted: Admitted) -> None:
        try:
            async with aclosing(self._completions.stream(admitted, self._transcript.store_reply)) as events:
                async for event in events:
                    running.publish(event)
        except asyncio.CancelledError:
            running.publish(Finished(id=running.answer_id, reason="cancelled"))
        except NaesilError:
            running.publish(Failed(id=running.answer_id, code="internal"))
        finally:
            del self._running[running.answer_id]

    def _replay(self, principal: Principal, conversation_id: str, answer_id: str) -> tuple[StreamEvent, ...]:
        with self._database.read() as session:
            _owned(session, principal, conversation_id)
            row = store.message(session, principal.user_id, answer_id)
            if row is None or row.conversation_id != conversation_id:
                raise NotFound(N_("There is no such answer."))
            return self._transcript.replay(session, row)

    def _ids(self, user_id: str) -> tuple[str, ...]:
        with self._database.read() as session:
            return tuple(row.id for row in store.conversations(session, user_id))

    def _require(self, principal: Principal, conversation_id: str) -> None:
        with self._database.read() as session:
            _owned(session, principal, conversation_id)

    def _sent_before(self, principal: Principal, client_id: str) -> Sent | None:
        with self._database.read() as session:
            pair = store.sent_before(session, principal.user_id, client_id)
        return None if pair is None else Sent(pair[0].conversation_id, pair[0].id, pair[1].id)

    async def _stop_running(self, conversation_id: str) -> None:
        for running in list(self._running.values()):
            if running.conversation_id == conversation_id:
                await _end(running)

    def _delete(self, principal: Principal, conversation_id: str) -> None:
        with self._database.write() as session:
            row = _owned(session, principal, conversation_id)
            store.remove_conversation(session, row.id)
            self._audit.append(session, _entry(AuditAction.CONVERSATION_DELETED, principal, row.id))


async def _end(running: RunningAnswer) -> None:
    if running.task is not None:
        running.task.cancel()
        await asyncio.wait([running.task])


def _owned(session: Session, principal: Principal, conversation_id: str) -> store.ConversationRow:
    row = store.conversation(session, principal.user_id, conversation_id)
    if row is None:
        raise NotFound(N_("There is no such conversation. It may have been deleted."))
    return row


def _check(text: str, client_id: str) -> None:
    if not text.strip():
        raise InvalidInput(N_("The message is empty. Type a question first."), field="text")
    if not is_id(client_id):
        raise InvalidInput(
            N_("The page sent an unusable message id. Reload it and try again."), field="client_id"
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            N_("The message contains characters that are not valid text. Remove them and try again."),
            field="text",
        ) from None


def _cache_scope(user_id: str, conversation_id: str) -> str:
    return f"{user_id}/{conversation_id}"


def _entry(action: AuditAction, principal: Principal, conversation_id: str) -> Entry:
    return Entry(
        action=action,
        actor=principal,
        outcome=Outcome.ALLOWED,
        object=f"conversation:{conversation_id}",
        subject=principal.user_id,
        task="conversation",
    )
