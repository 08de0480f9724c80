"""The runtime as the web process sees it: one socketpair, many answer streams.

Ownership: everything here belongs to the event loop; there are no locks. When the runtime goes
away (end of file, broken frame) an answer that was waiting waits for the next one that `attach`
brings; one that had begun and said nothing is tried once more (recovery.py); one that had
spoken ends with Failed(code="lost").
"""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncGenerator
from typing import TypeVar

import msgspec

from appliance.errors import N_, Unavailable
from appliance.ids import new_id
from appliance.inference.recovery import Recovery
from appliance.inference.streams import Stream
from appliance.inference.suspects import Suspects
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
    Tokenize,
    Tokenized,
)

READ_BYTES = 64 * 1024
CREDIT_EVERY = 16
RETRY_S = 5

Question = GetStats | Tokenize | Detokenize | Render | Embed
Single = Stats | Tokenized | Detokenized | Rendered | Embedded | Failed
Answer = TypeVar("Answer", Stats, Tokenized, Detokenized, Rendered, Embedded | Failed)


class InferenceClient:
    """Sends requests to whichever runtime is attached and hands each stream its own frames."""

    def __init__(self) -> None:
        self.model: Hello | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._streams: dict[str, Stream] = {}
        self._answers: dict[str, asyncio.Future[Single]] = {}
        self._suspects = Suspects(secrets.token_bytes(32))
        self._recovery = Recovery(self._suspects, self._send)

    async def attach(self, sock: socket.socket) -> None:
        """Talk to a new runtime over `sock`; the old one is gone, or goes now."""
        await self._let_go()
        reader, self._writer = await asyncio.open_connection(sock=sock)
        self._reading = asyncio.create_task(self._read(reader), name="runtime frames")

    async def close(self) -> None:
        """Let go of the runtime, which ends when it sees the end of the file, and of every answer."""
        await self._let_go()
        await self._recovery.close()

    async def generate(self, request: Generate) -> AsyncGenerator[StreamEvent, None]:
        """The events of one answer; the last is Finished or Failed. Closing early cancels it."""
        if self._writer is None or self.model is None:
            yield Failed(id=request.id, code="lost", retry_after_s=RETRY_S)
            return
        if self._suspects.refuses(request):
            yield Failed(id=request.id, code="crashed")
            return
        stream = self._streams[request.id] = Stream(request)
        ended = False
        try:
            self._send(request)
            owed = 0
            while not ended:
                event, frames = await stream.take()
                ended = isinstance(event, (Finished, Failed))
                yield event
                owed += frames
                if owed >= CREDIT_EVERY:
                    self._send(Credit(request.id, owed))
                    owed = 0
        finally:
            self._streams.pop(request.id, None)
            self._recovery.over(stream)
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
            self._recovery.resume()
        elif (future := self._answers.get(message.id)) is not None:
            if isinstance(message, Single) and not future.done():
                future.set_result(message)
        elif isinstance(message, StreamEvent) and (stream := self._streams.get(message.id)) is not None:
            stream.put(message)
            self._recovery.heard(stream, message)

    async def _let_go(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        self._detach()

    def _detach(self) -> None:
        self.model = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._recovery.died(list(self._streams.values()))
        for future in self._answers.values():
            if not future.done():
                future.set_exception(loading())


def loading() -> Unavailable:
    """The error for a model that is not there just now."""
    return Unavailable(N_("The model is being loaded. Try again in a few seconds."), retry_after=RETRY_S)
