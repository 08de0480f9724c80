"""The runtime as the web process sees it: one socketpair, many answer streams.

Another model takes over with `switch`: what comes from then on is asked of it, while the runtime
before finishes what it has and is let go when it owes nothing.

Ownership: everything here belongs to the event loop; there are no locks. When the runtime goes
away (end of file, broken frame) an answer that was waiting, or is asked for meanwhile, waits for
the next one that `attach` brings; one that had begun and said nothing is tried once more
(recovery.py); one that had spoken ends with Failed(code="lost").
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator
from typing import TypeVar

from appliance.errors import N_, Unavailable
from appliance.ids import new_id
from appliance.inference.line import Line
from appliance.inference.recovery import Recovery
from appliance.inference.streams import Again, Stream
from appliance.inference.suspects import Suspects
from appliance.protocol.messages import (
    Cancel,
    Credit,
    Detokenize,
    Detokenized,
    Embed,
    Embedded,
    Failed,
    Finished,
    Forget,
    FromRuntime,
    Generate,
    GetStats,
    Hello,
    Render,
    Rendered,
    Stats,
    StreamEvent,
    Tokenize,
    Tokenized,
)

CREDIT_EVERY = 16
RETRY_S = 5

Question = GetStats | Tokenize | Detokenize | Render | Embed
Single = Stats | Tokenized | Detokenized | Rendered | Embedded | Failed
Answer = TypeVar("Answer", Stats, Tokenized, Detokenized, Rendered, Embedded | Failed)


class InferenceClient:
    """Sends requests to whichever runtime is attached and hands each stream its own frames."""

    def __init__(self) -> None:
        self.model: Hello | None = None
        self.awaited: Hello | None = None  # the one to come back; None before there was any
        self._line: Line | None = None
        self._leaving: set[Line] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._streams: dict[str, Stream] = {}
        self._answers: dict[str, tuple[Line, asyncio.Future[Single]]] = {}
        self._suspects = Suspects(secrets.token_bytes(32))
        self._recovery = Recovery(self._suspects, self._resend)

    async def attach(self, sock: socket.socket) -> None:
        """Talk to a new runtime over `sock`; the old one is gone, or goes now."""
        if self._line is not None:
            await self._line.close()
        await self._open(sock)

    async def switch(self, sock: socket.socket) -> None:
        """Talk to another model's runtime over `sock`; the old one finishes what it has begun."""
        if self._line is not None:
            self._leaving.add(self._line)
        await self._open(sock)
        for line in list(self._leaving):
            self._release(line)

    async def close(self) -> None:
        """Let go of the runtimes, which end when they see the end of the file, and of every answer."""
        lines = [*self._leaving, *([] if self._line is None else [self._line])]
        for line in lines:
            await line.close()
        self.awaited = None
        await self._recovery.close()

    async def generate(
        self, request: Generate, *, whole: bool = False
    ) -> AsyncGenerator[StreamEvent | Again, None]:
        """The events of one answer; the last is Finished or Failed. Closing early cancels it.

        `whole`: nobody sees any of it before its end, so it may begin anew (Again) when the runtime dies.
        """
        away = self._line is None or self.model is None
        if away and (self.awaited is None or not self._recovery.has_room):
            yield Failed(id=request.id, code="lost", retry_after_s=RETRY_S)
            return
        if self._suspects.refuses(request):
            yield Failed(id=request.id, code="crashed")
            return
        stream = self._streams[request.id] = Stream(request, whole=whole)
        ended = False
        try:
            if away:
                self._recovery.wait(stream)
            else:
                stream.line = self._line
                stream.send(request)
            owed = 0
            while not ended:
                event, frames = await stream.take()
                ended = isinstance(event, (Finished, Failed))
                yield event
                owed += frames
                if owed >= CREDIT_EVERY:
                    stream.send(Credit(request.id, owed))
                    owed = 0
        finally:
            self._streams.pop(request.id, None)
            self._recovery.over(stream)
            if not ended:
                stream.send(Cancel(request.id))
            if stream.line is not None:
                self._release(stream.line)

    async def stats(self) -> Stats:
        """Counts and speeds of the engine now. Raises Unavailable while there is none."""
        return await self._ask(GetStats(new_id()), Stats)

    async def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """The model's tokens of `text`. Raises Unavailable while there is no model."""
        return (await self._ask(Tokenize(new_id(), text, special), Tokenized)).tokens

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        """The text of these tokens. Raises Unavailable while there is no model."""
        return (await self._ask(Detokenize(new_id(), tokens), Detokenized)).text

    async def render(self, question: Render) -> Rendered:
        """The prompt the chat template makes. Raises Unavailable while there is no model."""
        return await self._ask(question, Rendered)

    async def embed(self, question: Embed) -> Embedded | Failed:
        """One text's vector. Raises Unavailable while there is no model; leaving cancels it."""
        try:
            return await self._ask(question, Embedded | Failed)  # type: ignore[arg-type]  # a union is no type
        except asyncio.CancelledError:
            if self._line is not None:
                self._line.send(Cancel(question.id))
            raise

    def forget(self, cache_scope: str) -> None:
        """Free the KV cache of a deleted conversation."""
        for line in (*self._leaving, *([] if self._line is None else [self._line])):
            line.send(Forget(cache_scope))

    async def _ask(self, question: Question, kind: type[Answer]) -> Answer:
        line = self._line
        if line is None:
            raise loading()
        future: asyncio.Future[Single] = asyncio.get_running_loop().create_future()
        self._answers[question.id] = line, future
        try:
            line.send(question)
            answer = await future
        finally:
            self._answers.pop(question.id, None)
            self._release(line)
        if not isinstance(answer, kind):
            raise loading()
        return answer

    async def _open(self, sock: socket.socket) -> None:
        line = Line(self._deliver, self._on_end)
        await line.open(sock)
        self._line = line

    def _deliver(self, line: Line, message: FromRuntime) -> None:
        if isinstance(message, Hello):
            if line is self._line:
                self.model = self.awaited = message
                self._recovery.resume()
        elif (asked := self._answers.get(message.id)) is not None:
            if isinstance(message, Single) and not asked[1].done():
                asked[1].set_result(message)
        elif isinstance(message, StreamEvent) and (stream := self._streams.get(message.id)) is not None:
            stream.put(message)
            self._recovery.heard(stream, message)

    def _resend(self, request: Generate) -> None:
        """An answer goes to the runtime that is there now."""
        stream = self._streams.get(request.id)
        if stream is not None and self._line is not None:
            stream.line = self._line
            stream.send(request)

    def _release(self, line: Line) -> None:
        """Let go of a runtime that is leaving, once it owes nothing."""
        owes = any(stream.line is line for stream in self._streams.values())
        asked = any(whom is line for whom, _ in self._answers.values())
        if line in self._leaving and not owes and not asked:
            self._leaving.discard(line)
            task = asyncio.create_task(line.close(), name="leaving runtime")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _on_end(self, line: Line) -> None:
        """A runtime is gone, by our will or its own."""
        self._leaving.discard(line)
        if line is self._line:
            self._line, self.model = None, None
        self._recovery.died([stream for stream in self._streams.values() if stream.line is line])
        for whom, future in self._answers.values():
            if whom is line and not future.done():
                future.set_exception(loading())
        if self._line is not None and self.model is not None:
            self._recovery.resume()


def loading() -> Unavailable:
    """The error for a model that is not there just now."""
    return Unavailable(N_("The model is being loaded. Try again in a few seconds."), retry_after=RETRY_S)
