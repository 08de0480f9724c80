"""The runtime as the web process sees it: one socketpair, many answer streams.

Ownership: everything here belongs to the event loop; there are no locks. A runtime that
goes away (end of file, broken frame) fails every stream it owed with Failed(code="lost")
and the client waits for `attach` to bring the next one.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from typing import TypeVar

import msgspec

from appliance.errors import N_, Unavailable
from appliance.ids import new_id
from appliance.protocol.framing import Decoder, FramingError, encode
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
    Token,
    Tokenize,
    Tokenized,
)

READ_BYTES = 64 * 1024
CREDIT_EVERY = 16

Question = GetStats | Tokenize | Detokenize | Render | Embed
Single = Stats | Tokenized | Detokenized | Rendered | Embedded | Failed
Answer = TypeVar("Answer", Stats, Tokenized, Detokenized, Rendered, Embedded | Failed)


class InferenceClient:
    """Sends requests to whichever runtime is attached and hands each stream its own frames."""

    def __init__(self) -> None:
        self.model: Hello | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._streams: dict[str, asyncio.Queue[StreamEvent]] = {}
        self._answers: dict[str, asyncio.Future[Single]] = {}

    async def attach(self, sock: socket.socket) -> None:
        """Talk to a new runtime over `sock`; what the old one still owed is lost."""
        await self.close()
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._reading = asyncio.create_task(self._read(reader), name="runtime frames")

    async def close(self) -> None:
        """Let go of the runtime; it ends when it sees the end of the file."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        self._detach()

    async def generate(self, request: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one answer; the last is Finished or Failed. Closing early cancels it."""
        if self._writer is None or self.model is None:
            yield Failed(id=request.id, code="lost", retry_after_s=5)
            return
        queue: asyncio.Queue[StreamEvent] = asyncio.Queue()
        self._streams[request.id] = queue
        ended = False
        try:
            self._send(request)
            consumed = 0
            while not ended:
                event = await queue.get()
                ended = isinstance(event, (Finished, Failed))
                yield event
                if isinstance(event, Token):
                    consumed += 1
                    if consumed % CREDIT_EVERY == 0:
                        self._send(Credit(request.id, CREDIT_EVERY))
        finally:
            self._streams.pop(request.id, None)
            if not ended:
                self._send(Cancel(request.id))

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
            self._send(Cancel(question.id))
            raise

    def forget(self, cache_scope: str) -> None:
        """Free the KV cache of a deleted conversation."""
        self._send(Forget(cache_scope))

    async def _ask(self, question: Question, kind: type[Answer]) -> Answer:
        if self._writer is None:
            raise loading()
        future: asyncio.Future[Single] = asyncio.get_running_loop().create_future()
        self._answers[question.id] = future
        try:
            self._send(question)
            answer = await future
        finally:
            self._answers.pop(question.id, None)
        if not isinstance(answer, kind):
            raise loading()
        return answer

    def _send(self, message: msgspec.Struct) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder: Decoder[FromRuntime] = Decoder(FromRuntime)
        try:
            while data := await reader.read(READ_BYTES):
                for message in decoder.feed(data):
                    self._deliver(message)
        except (FramingError, ConnectionError):
            pass  # a broken peer and a gone one end alike: the supervisor starts another
        self._detach()

    def _deliver(self, message: FromRuntime) -> None:
        if isinstance(message, Hello):
            self.model = message
        elif (future := self._answers.get(message.id)) is not None:
            if isinstance(message, Single) and not future.done():
                future.set_result(message)
        elif isinstance(message, StreamEvent) and (queue := self._streams.get(message.id)) is not None:
            queue.put_nowait(message)

    def _detach(self) -> None:
        self.model = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for request_id, queue in self._streams.items():
            queue.put_nowait(Failed(id=request_id, code="lost", retry_after_s=5))
        for future in self._answers.values():
            if not future.done():
                future.set_exception(loading())


def loading() -> Unavailable:
    """The error for a model that is not there just now."""
    return Unavailable(N_("The model is being loaded. Try again in a few seconds."), retry_after=5)
