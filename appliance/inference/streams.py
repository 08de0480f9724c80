"""One answer on its way from the runtime to whoever reads it, and what became of it so far."""

import asyncio
from collections import deque
from dataclasses import dataclass

import msgspec

from appliance.inference.line import Line
from appliance.protocol.messages import Failed, Finished, Generate, Progress, StreamEvent, Token

MOST_LIVES = 3


@dataclass(frozen=True, slots=True)
class Again:
    """A whole answer begins anew: the runtime died over it, and what came of it does not count."""

    id: str


class Stream:
    """Events wait here for their reader; text that piles up becomes one event.

    `begun`: the runtime works, or may have begun to work, on it. `spoke`: somebody may have seen text;
    of a `whole` answer nobody does before its end. `lives`: how often it may be waiting when a runtime
    dies. `line`: to the runtime that has it.
    Belongs to the event loop.
    """

    def __init__(self, request: Generate, *, whole: bool = False) -> None:
        self.request = request
        self._whole = whole
        self.begun = True  # until it is said to wait
        self.spoke = False
        self.lives = MOST_LIVES
        self.line: Line | None = None
        self._events: deque[StreamEvent | Again] = deque()
        self._wake: asyncio.Future[None] | None = None

    def send(self, message: msgspec.Struct) -> None:
        """A frame for the runtime that has this answer."""
        if self.line is not None:
            self.line.send(message)

    def put(self, event: StreamEvent | Again) -> None:
        """One more event; never waits."""
        if isinstance(event, Token):
            self.begun = True
            self.spoke = not self._whole
        elif not isinstance(event, (Finished, Failed)):
            self.begun = isinstance(event, Progress)
        self._events.append(event)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def anew(self) -> None:
        """It will be asked once more."""
        if self._whole:
            self._events = deque(event for event in self._events if not isinstance(event, Token))
            self.put(Again(self.request.id))

    async def take(self) -> tuple[StreamEvent | Again, int]:
        """The next event, and how many frames of text are in it. One reader at a time."""
        if not self._events:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        event = self._events.popleft()
        if not isinstance(event, Token):
            return event, 0
        parts, chosen, frames = [event.text], event.chosen, 1
        while self._events and _goes_on(event, self._events[0]):
            following = self._events.popleft()
            parts.append(following.text)  # type: ignore[union-attr]  # _goes_on saw to it
            chosen += following.chosen  # type: ignore[union-attr]
            frames += 1
        if frames > 1:
            event = msgspec.structs.replace(event, text="".join(parts), chosen=chosen)
        return event, frames


def _goes_on(event: Token, following: StreamEvent | Again) -> bool:
    """Whether `following` is more of the same text."""
    same = isinstance(following, Token) and (following.part, following.index) == (event.part, event.index)
    return same and not following.name  # type: ignore[union-attr]
