"""One answer being made: what has been said so far, for every tab that looks on.

Lives on the event loop. Publishing never waits for a reader; a reader that falls behind
gets what it missed as one Token a part, so it costs the text once however many look on.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import groupby

from appliance.protocol.messages import Failed, Finished, Progress, Queued, StreamEvent, Token


class RunningAnswer:
    """The shared state of an answer and the task that makes it."""

    def __init__(self, answer_id: str, conversation_id: str, user_id: str) -> None:
        self.answer_id = answer_id
        self.conversation_id = conversation_id
        self.user_id = user_id
        self.task: asyncio.Task[None] | None = None
        self._parts: list[Token] = []
        self._waiting: Queued | Progress | None = None
        self._end: Finished | Failed | None = None
        self._changed = asyncio.Event()

    def publish(self, event: StreamEvent) -> None:
        """Take note of an event and wake everyone who follows."""
        if isinstance(event, Token):
            if event.part != "call":
                self._parts.append(event)
        elif isinstance(event, (Finished, Failed)):
            self._end = event
        else:
            self._waiting = event
        self._changed.set()
        self._changed = asyncio.Event()

    def complete(self, told: Iterable[StreamEvent]) -> None:
        """Take note of the answer as it was recorded: the words that were still held back, and the end."""
        for event in told:
            if not isinstance(event, Token):
                self.publish(event)
                continue
            said = sum(len(part.text) for part in self._parts if part.part == event.part)
            if rest := event.text[said:]:
                self.publish(Token(event.id, rest, event.part))

    async def follow(self) -> AsyncIterator[StreamEvent]:
        """Everything from the beginning, then live, to the last event."""
        told: Queued | Progress | None = None
        read = 0
        while True:
            changed = self._changed
            if self._waiting is not told:
                told = self._waiting
                if told is not None and not self._parts:
                    yield told
            new, read = self._parts[read:], len(self._parts)
            for part, pieces in groupby(new, key=lambda piece: piece.part):
                yield Token(self.answer_id, "".join(piece.text for piece in pieces), part)
            if read < len(self._parts):
                continue  # came while the reader took the last ones
            if self._end is not None:
                yield self._end
                return
            await changed.wait()
