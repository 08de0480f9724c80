"""Temporary chats: answered like any other, kept nowhere but in this process's memory.

No row ever holds their words; the log has entries with counts and `temporary:<id>`. They are gone
when they are ended, when their session is over, unused for IDLE_S, or when the process ends.
Everything here belongs to the event loop; admission runs in the thread pool.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from appliance.chat.makers import SETTINGS, STANDARD
from appliance.chat.running import RunningAnswer
from appliance.chat.values import UNDECIDED, Choice, Conversation, Message
from appliance.clock import Clock
from appliance.completions.pipeline import Completions
from appliance.completions.values import Admitted, Ask
from appliance.core import DataClass, Permission, Principal, Target, highest
from appliance.errors import N_, Conflict, InvalidInput, LimitReached, NaesilError, NotFound
from appliance.ids import new_id
from appliance.inference.client import InferenceClient
from appliance.protocol.messages import Failed, Finished, StreamEvent, Token, Turn

IDLE_S = 1800.0
MOST_OF_ONE_PERSON = 4
_STATES = {"cancelled": "stopped", "timeout": "stopped", "filtered": "stopped"}


@dataclass(slots=True, repr=False)
class _Talk:
    """One temporary chat; `owner` is a person in one session."""

    id: str
    owner: tuple[str, str]
    messages: list[Message] = field(default_factory=list)
    data_class: DataClass = DataClass.OPEN
    running: RunningAnswer | None = None
    sending: bool = False
    expiry: asyncio.TimerHandle | None = None


class Temporary:
    """The service. Somebody else's chat, or one of another session, is NotFound."""

    def __init__(self, completions: Completions, inference: InferenceClient, clock: Clock) -> None:
        self._completions = completions
        self._inference = inference
        self._clock = clock
        self._talks: dict[str, _Talk] = {}

    def open(self, principal: Principal, talk_id: str) -> Conversation:
        """What was said so far."""
        talk = self._talk(principal, talk_id)
        return Conversation(talk.id, "", tuple(talk.messages), data_class=talk.data_class)

    async def send(
        self, principal: Principal, talk_id: str | None, text: str,
        choice: Choice = UNDECIDED, data_class: DataClass = DataClass.OPEN,
    ) -> str:  # fmt: skip
        """Ask; the chat's id, a new one for None. Raises what Chat.send raises."""
        if not text.strip():
            raise InvalidInput(N_("The message is empty. Type a question first."), field="text")
        talk = self._begin(principal) if talk_id is None else self._talk(principal, talk_id)
        if talk.running is not None or talk.sending:
            raise Conflict(N_("An answer is still being written here. Wait for it or stop it first."))
        talk.sending = True
        try:
            talk.data_class = highest(talk.data_class, data_class)
            ask = self._ask(principal, talk, text, choice)
            admitted = await asyncio.to_thread(self._completions.admit, ask)
            self._take_down(talk, text, admitted)
        except BaseException:
            if not talk.messages:
                await self._drop(talk)
            raise
        finally:
            talk.sending = False
        return talk.id

    async def events(self, principal: Principal, talk_id: str, answer_id: str) -> AsyncIterator[StreamEvent]:
        """An answer from its beginning, live if it still runs."""
        talk = self._talk(principal, talk_id)
        if talk.running is not None and talk.running.answer_id == answer_id:
            async for event in talk.running.follow():
                yield event
            return
        told = next((one for one in talk.messages if one.id == answer_id), None)
        if told is None or told.role != "assistant":
            raise NotFound(N_("There is no such answer."))
        if told.reasoning:
            yield Token(told.id, told.reasoning, "reasoning")
        if told.text:
            yield Token(told.id, told.text)
        if told.state == "failed":
            yield Failed(id=told.id, code="lost")
        else:
            stopped = told.state == "stopped"
            yield Finished(
                id=told.id,
                reason="cancelled" if stopped else "stop",
                completion_tokens=told.completion_tokens,
                decode_s=told.decode_s,
                reasoning_s=told.reasoning_s,
            )

    async def stop(self, principal: Principal, talk_id: str) -> None:
        """End the running answer, keeping what was said."""
        await _end(self._talk(principal, talk_id).running)

    async def end(self, principal: Principal, talk_id: str) -> None:
        """Forget the chat, here and in the model's memory."""
        await self._drop(self._talk(principal, talk_id))

    async def quiet_down(self, user_id: str) -> None:
        """Forget every chat of this person."""
        for talk in [one for one in self._talks.values() if one.owner[0] == user_id]:
            await self._drop(talk)

    async def close(self) -> None:
        """Forget everything; at the end of the process."""
        for talk in list(self._talks.values()):
            await self._drop(talk)

    def _begin(self, principal: Principal) -> _Talk:
        theirs = [one for one in self._talks.values() if one.owner[0] == principal.user_id]
        if len(theirs) >= MOST_OF_ONE_PERSON:
            raise LimitReached(
                N_("You have %(most)d temporary chats. End one first."), retry_after=60,
                most=MOST_OF_ONE_PERSON,
            )  # fmt: skip
        talk = _Talk(new_id(), _owner(principal))
        self._talks[talk.id] = talk
        self._keep(talk)
        return talk

    def _talk(self, principal: Principal, talk_id: str) -> _Talk:
        talk = self._talks.get(talk_id)
        if talk is None or talk.owner != _owner(principal):
            raise NotFound(N_("This temporary chat is gone. Nothing of it was kept."))
        return talk

    def _keep(self, talk: _Talk) -> None:
        """From now on it lives another IDLE_S."""
        loop = asyncio.get_running_loop()
        if talk.expiry is not None:
            talk.expiry.cancel()
        talk.expiry = loop.call_later(IDLE_S, lambda: loop.create_task(self._drop(talk)))

    def _ask(self, principal: Principal, talk: _Talk, text: str, choice: Choice) -> Ask:
        said = [one for one in talk.messages if one.text]
        turns = tuple(Turn(one.role, one.text) for one in said)
        return Ask(
            principal=principal,
            permission=Permission.CHAT_USE,
            turns=(*turns, Turn("user", text)),
            new_from=len(turns),
            released=frozenset(place for place, one in enumerate(said) if one.reason == "as_is"),
            choice=choice.way,
            stated_reason=choice.reason,
            sampling=SETTINGS[STANDARD],
            request_id=new_id(),
            object=f"temporary:{talk.id}",
            subject_id=principal.user_id,
            cache_scope=_scope(talk),
            target=Target(data_class=talk.data_class),
            trim=True,
            own_replies=True,
        )

    def _take_down(self, talk: _Talk, text: str, admitted: Admitted) -> None:
        reason = "as_is" if admitted.ask.choice == "as_is" else ""
        question = self._message(new_id(), "user", text, "done", reason)
        question = replace(question, detections=admitted.last_turn)
        talk.messages += [question, self._message(admitted.answer_id, "assistant", "", "running")]
        running = talk.running = RunningAnswer(admitted.answer_id, talk.id, talk.owner[0])
        running.task = asyncio.create_task(self._answer(talk, running, admitted), name="temporary answer")
        self._keep(talk)

    async def _answer(self, talk: _Talk, running: RunningAnswer, admitted: Admitted) -> None:
        said: dict[str, list[str]] = {"text": [], "reasoning": []}
        last: Finished | Failed = Failed(id=running.answer_id, code="internal")
        try:
            async with aclosing(self._completions.stream(admitted)) as events:
                async for event in events:
                    if isinstance(event, Token) and event.part in said:
                        said[event.part].append(event.text)
                    if isinstance(event, (Finished, Failed)):
                        last = event
                    else:
                        running.publish(event)
        except asyncio.CancelledError:
            last = Finished(id=running.answer_id, reason="cancelled")
        except NaesilError:
            last = Failed(id=running.answer_id, code="internal")
        finally:
            talk.running = None
            text, thoughts = ("".join(said[part]) for part in ("text", "reasoning"))
            talk.messages[-1] = self._ended(replace(talk.messages[-1], reasoning=thoughts), text, last)
            running.publish(last)

    def _ended(self, message: Message, text: str, last: Finished | Failed) -> Message:
        if isinstance(last, Failed):
            return replace(message, text=text, state="failed", reason=last.code)
        return replace(
            message,
            text=text,
            state=_STATES.get(last.reason, "done"),
            reason=last.reason,
            completion_tokens=last.completion_tokens,
            decode_s=last.decode_s,
            reasoning_s=last.reasoning_s,
            dropped_turns=last.dropped_turns,
        )

    def _message(self, message_id: str, role: str, text: str, state: str, reason: str = "") -> Message:
        return Message(
            id=message_id, role=role, text=text, state=state, reason=reason, prompt_tokens=0,
            completion_tokens=0, dropped_turns=0, decode_s=0.0, detections={},
            created_at=self._clock.now(),
        )  # fmt: skip

    async def _drop(self, talk: _Talk) -> None:
        self._talks.pop(talk.id, None)
        if talk.expiry is not None:
            talk.expiry.cancel()
        await _end(talk.running)
        talk.messages.clear()
        self._inference.forget(_scope(talk))


async def _end(running: RunningAnswer | None) -> None:
    if running is not None and running.task is not None:
        running.task.cancel()
        await asyncio.wait([running.task])


def _owner(principal: Principal) -> tuple[str, str]:
    return principal.user_id, principal.credential_id


def _scope(talk: _Talk) -> str:
    return f"{talk.owner[0]}/{talk.id}"
