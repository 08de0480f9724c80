"""The API in one process: real accounts, keys, policy, log and pipeline over a runtime that echoes."""

import struct
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, cast

import msgspec
from fastapi import FastAPI

from appliance.completions.pipeline import Completions
from appliance.core import SYSTEM, Role
from appliance.http.services import Services
from appliance.protocol.messages import (
    Chosen,
    Embed,
    Embedded,
    Failed,
    Finished,
    Generate,
    Odds,
    Progress,
    Queued,
    Render,
    Rendered,
    Stats,
    StreamEvent,
    Token,
)
from tests.http.fakes import PASSWORD, House, application
from tests.scripted_runtime import HELLO

MODEL = HELLO.model_name


class Echo:
    """Says the last message again, thinks first when told to, calls the first tool when it must."""

    def __init__(self) -> None:
        self.model = msgspec.structs.replace(HELLO, n_vocab=0x110000, licence="apache-2.0")
        self.asked: list[Generate] = []

    async def generate(
        self,
        request: Generate,
        *,
        whole: bool = False,  # noqa: ARG002 - the client's signature
    ) -> AsyncGenerator[StreamEvent, None]:
        self.asked.append(request)
        yield Queued(request.id, 1, 2.0)
        yield Progress(request.id, 5, 5, 1)
        for token in self._says(request):
            yield msgspec.structs.replace(token, id=request.id)
        called = request.tools.choice == "required"
        yield Finished(
            id=request.id,
            reason="tool_calls" if called else "stop",
            prompt_tokens=5,
            completion_tokens=3,
            cached_tokens=1,
        )

    def _says(self, request: Generate) -> list[Token]:
        if request.tools.choice == "required":
            name = request.tools.only or request.tools.offered[0].name
            return [Token("", "", "call", 0, name), Token("", "{}", "call", 0)]
        text = str(request.raw) if request.raw is not None else request.turns[-1].content
        chosen: tuple[Chosen, ...] = ()
        if request.sampling.logprobs is not None:
            odds = Odds(text.encode(), -0.5)
            chosen = (Chosen(odds, (odds,), len(text)),)
        thought = [Token("", "hm", "reasoning")] if request.sampling.reasoning_tokens else []
        return [*thought, Token("", text, chosen=chosen)]

    async def tokenize(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        return (1, *map(ord, text)) if special else tuple(map(ord, text))

    async def detokenize(self, tokens: tuple[int, ...]) -> str:
        return "".join(map(chr, tokens)).encode("utf-8", "ignore").decode()

    async def render(self, question: Render) -> Rendered:
        prompt = "".join(f"{turn.role}: {turn.content}\n" for turn in question.turns)
        return Rendered(question.id, prompt, len(prompt))

    async def stats(self) -> Stats:
        return Stats(
            id="", running=2, waiting=0, slots=4, prompt_tokens_per_s=90.0, generated_tokens_per_s=40.0
        )

    async def embed(self, question: Embed) -> Embedded | Failed:
        return Embedded(question.id, struct.pack("<2f", 0.6, 0.8), len(question.input))


class ApiHouse(House):
    """`key` is alice's. What the runtime was asked is in `echo.asked`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cast(Any, None), **settings)
        self.echo = Echo()
        completions = Completions(self.database, self.audit, cast(Any, self.echo), self.policy, self.clock)
        self.api_services: Services = replace(
            self.services, completions=completions, inference=cast(Any, self.echo)
        )
        self.alice = self.accounts.create(SYSTEM, "alice", PASSWORD, frozenset({Role.MEMBER}))
        self.key = self.new_key()
        self.usage = completions.usage

    def app(self) -> FastAPI:
        return application(self.api_services)

    def new_key(self) -> str:
        return self.identity.keys.create(SYSTEM, self.alice.id, "test")[1]
