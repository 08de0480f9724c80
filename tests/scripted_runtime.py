"""A runtime that says what a test tells it to, over a real socketpair with real frames."""

import asyncio
import socket

import msgspec

from appliance.inference.client import InferenceClient
from appliance.protocol.framing import Decoder, encode
from appliance.protocol.messages import (
    Cancel,
    Detokenize,
    Embed,
    Failed,
    Finished,
    Forget,
    Generate,
    GetStats,
    Hello,
    Render,
    Token,
    Tokenize,
    ToRuntime,
)

HELLO = Hello(
    model_name="scripted",
    model_sha256="0" * 64,
    n_params=1,
    n_ctx=2048,
    size_bytes=1,
    quantization="F16",
    slots=2,
)


LONG = ("안녕하세요. ", "오늘은 날씨가 맑습니다. " * 20)
"""Enough text that the policy's screen lets some of it out before the answer has ended."""


class ScriptedRuntime:
    """Answers each Generate with `words`, then Finished; or with `failure`; or holds until released."""

    def __init__(self, words: tuple[str, ...] = ("안", "녕하", "세요"), failure: str = "") -> None:
        self.words = words
        self.failure = failure
        self.hold = False
        self.asked: list[Generate] = []
        self.cancelled: list[str] = []
        self.forgotten: list[str] = []
        self._theirs, self._ours = socket.socketpair()
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, client: InferenceClient) -> None:
        """Say hello to the client and start answering."""
        await self._open()
        await client.attach(self._theirs)
        self.send(HELLO)
        while client.model is None:
            await asyncio.sleep(0)

    async def switch(self, client: InferenceClient) -> None:
        """Take over from the runtime that the client has."""
        await self._open()
        self.send(HELLO)
        await client.switch(self._theirs)

    def finish(self) -> None:
        """End every answer that was held."""
        for request in self.asked:
            self.send(Finished(id=request.id, reason="stop", prompt_tokens=5, completion_tokens=1))

    async def let_go(self) -> bool:
        """Wait until the client has closed its end."""
        assert self._reading is not None
        await self._reading
        return True

    async def _open(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._ours)
        self._reading = asyncio.create_task(self._serve(reader))

    def send(self, message: msgspec.Struct) -> None:
        assert self._writer is not None
        self._writer.write(encode(message))

    def die(self) -> None:
        """What a killed process looks like from the other end."""
        assert self._writer is not None
        self._writer.close()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        self.die()

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        decoder: Decoder[ToRuntime] = Decoder(ToRuntime)
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                if isinstance(message, Generate):
                    self.asked.append(message)
                    self._answer(message)
                elif isinstance(message, Cancel):
                    self.cancelled.append(message.id)
                elif isinstance(message, Forget):
                    self.forgotten.append(message.cache_scope)
                elif isinstance(message, (Tokenize, Detokenize, Render, Embed, GetStats)):
                    self.send(Failed(id=message.id, code="internal"))  # it can only talk

    def _answer(self, request: Generate) -> None:
        if self.failure:
            self.send(Failed(id=request.id, code=self.failure))  # type: ignore[arg-type]  # the test names a real code
            return
        for word in self.words:
            self.send(Token(request.id, word))
        if not self.hold:
            self.send(
                Finished(id=request.id, reason="stop", prompt_tokens=5, completion_tokens=len(self.words))
            )
