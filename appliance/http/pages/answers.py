"""GET /chat/{conversation}/answers/{answer}: one answer from its beginning, as server-sent events.

start     a new connection: forget the tail, keep the blocks (they come again under the same numbers)
queued    {text}                  place in line and estimated wait
progress  {text, percent}         how much of the prompt is read
thought   {add}                   more of what is thought before the answer
block     {index, node, tail}     a finished block as a node tree, and the plain text after it
tail      {add}                   more plain text of the unfinished block
finished  {state, notice, dropped, speed, thought, context: {used, limit, text}, status}
failed    {state, notice, status}
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
from fastapi import APIRouter, Response

from appliance.errors import N_, NotFound
from appliance.http import phrases
from appliance.http.blocks import Blocks
from appliance.http.deps import Person, Words
from appliance.http.nodes import Node
from appliance.http.pages.restoring import restorer_for
from appliance.http.services import Services
from appliance.http.sse import EventStream, data
from appliance.i18n import Translator
from appliance.policy.pseudonyms import Restorer
from appliance.protocol.messages import Failed, Finished, Progress, Queued, StreamEvent, Token


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.get("/chat/{conversation_id}/answers/{answer_id}")
    async def follow(conversation_id: str, answer_id: str, person: Person, words: Words) -> Response:
        """Raises NotFound before the stream begins, so that it is a status and not an event."""
        events = services.chat.events(person, conversation_id, answer_id)
        first = await anext(events, None)
        if first is None:
            raise NotFound(N_("There is no such answer."))
        restorer = await asyncio.to_thread(restorer_for, services, person, conversation_id)
        model = services.inference.model
        limit = model.n_ctx if model else 0
        return EventStream(encoded(_from(first, events), words, restorer, limit))

    return routes


async def encoded(
    events: AsyncIterator[StreamEvent], words: Translator, restorer: Restorer, context_limit: int = 0
) -> AsyncGenerator[bytes, None]:
    """The events in the page's terms."""
    answer = _Answer(words, restorer, context_limit)
    yield _event("start", {})
    async for event in events:
        for message in answer.take(event):
            yield message


class _Answer:
    """One answer on its way to one page: what was sent of it."""

    def __init__(self, words: Translator, restorer: Restorer, context_limit: int) -> None:
        self._limit = context_limit
        self._thought = ""
        self._restorer = restorer
        self._words = words
        self._blocks = Blocks(words)
        self._sent = 0
        self._characters = 0

    def take(self, event: StreamEvent) -> list[bytes]:
        match event:
            case Queued():
                return [_event("queued", {"text": phrases.waiting(event, self._words)})]
            case Progress():
                percent = 100 * event.done // max(1, event.total)
                text = phrases.waiting(event, self._words)
                return [_event("progress", {"text": text, "percent": percent})]
            case Token(part="reasoning"):
                self._thought += event.text
                return [_event("thought", {"add": event.text})]
            case Token():
                return self._text(self._restorer.feed(event.text))
            case _:
                rest = self._text(self._restorer.finish())
                return [*rest, *self._send(self._blocks.finish()), self._end(event)]

    def _text(self, text: str) -> list[bytes]:
        before = self._blocks.tail
        self._characters += len(text)
        finished = self._blocks.feed(text)
        if finished:
            return self._send(finished)
        added = self._blocks.tail[len(before) :]
        return [_event("tail", {"add": added})] if added else []

    def _send(self, blocks: list[Node]) -> list[bytes]:
        messages = [
            _event("block", {"index": self._sent + offset, "node": node, "tail": self._blocks.tail})
            for offset, node in enumerate(blocks)
        ]
        self._sent += len(blocks)
        return messages

    def _end(self, event: Finished | Failed) -> bytes:
        words = self._words
        if isinstance(event, Failed):
            notice = phrases.ending("failed", event.code, words)
            return _event("failed", {"state": "failed", "notice": notice, "status": notice})
        state = "stopped" if event.reason in ("cancelled", "timeout", "filtered") else "done"
        return _event(
            "finished",
            {
                "state": state,
                "notice": phrases.ending(state, event.reason, words),
                "dropped": phrases.dropped(event.dropped_turns, words),
                "thought": phrases.thought(self._thought, event.reasoning_s, words),
                "context": self._context(event),
                "speed": phrases.speed(event.completion_tokens, event.decode_s, words),
                "status": phrases.done(self._characters, words),
            },
        )

    def _context(self, event: Finished) -> dict[str, object]:
        used = event.prompt_tokens + event.completion_tokens
        return {
            "used": used,
            "limit": self._limit,
            "text": phrases.context(used, self._limit, self._words),
        }


def _event(name: str, content: dict[str, object]) -> bytes:
    return data(msgspec.json.encode(content).decode(), name)


async def _from(first: StreamEvent, events: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    yield first
    async for event in events:
        yield event
