"""The bare engine loop: our runtime process spoken to in frames, with no web process at all.

What the product loses against it is the price of HTTP, sign-in, policy and audit.
"""

import asyncio
import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from appliance.config import Settings
from appliance.ids import new_id
from appliance.inference.client import InferenceClient
from appliance.inference.registry import resolve
from appliance.inference.streams import Again
from appliance.protocol.messages import (
    PUBLIC,
    Failed,
    Finished,
    Generate,
    Queued,
    Sampling,
    StreamEvent,
    Token,
    Turn,
)
from appliance.supervisor.launch import runtime_settings
from benchmarks.load import Answer, Question, Target, now
from benchmarks.registry import ENGINE, Setup
from benchmarks.targets.servers import START_LIMIT_S, stop

CHILD = "benchmarks.targets.runtime_child"
Guard = Literal["kernel", "off"]


@dataclass(frozen=True, slots=True)
class BareEngine:
    """Asks over the socketpair, as the web process does."""

    client: InferenceClient
    root_pid: int
    name: str = ENGINE
    url: str = ""

    async def ask(self, question: Question) -> Answer:
        answer = Answer(sent=now())
        async for event in self.client.generate(_generate(question)):
            if not isinstance(event, Again):  # nothing is asked whole here
                _note(event, answer)
        answer.ended = now()
        return answer


@asynccontextmanager
async def start(setup: Setup, model: Path, guard: Guard = "kernel") -> AsyncIterator[Target]:
    """The runtime process alone, its model loaded."""
    ours, theirs = socket.socketpair()
    settings = Settings(
        data=Path("/nonexistent"),
        model=str(model),
        slots=setup.slots,
        context=setup.context,
        queue_limit=setup.queue_limit,
    )
    orders = msgspec.json.encode(runtime_settings(settings, resolve(settings))).decode()
    process = subprocess.Popen(
        [sys.executable, "-m", CHILD, str(theirs.fileno()), orders, guard],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    client = InferenceClient()
    try:
        await client.attach(ours)
        await _loaded(client, process)
        yield BareEngine(client, process.pid)
    finally:
        await client.close()
        stop(process)


async def _loaded(client: InferenceClient, process: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + START_LIMIT_S
    while client.model is None:
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the engine did not start (exit status {process.poll()})")
        await asyncio.sleep(0.02)


def _generate(question: Question) -> Generate:
    """The scope is the conversation's first words: a second turn of it may reuse what was read."""
    opening = hashlib.sha256("".join(text for _, text in question.turns[:1]).encode()).hexdigest()[:16]
    return Generate(
        id=new_id(),
        turns=tuple(Turn(role, content) for role, content in question.turns),
        sampling=Sampling(
            max_tokens=question.max_tokens, temperature=question.temperature, seed=question.seed
        ),
        fair_key=f"user{question.user}",
        prefix_turns=1 if question.public_prefix else 0,
        prefix_scope=PUBLIC if question.public_prefix else "",
        cache_scope=f"{question.user}/{opening}",
    )


def _note(event: StreamEvent, answer: Answer) -> None:
    if isinstance(event, Token):
        answer.text.append(event.text)
        answer.pieces.append(now())
    elif isinstance(event, Queued):
        answer.places.append((now(), event.position, event.eta_s))
    elif isinstance(event, Finished):
        answer.status = "ok"
        answer.prompt_tokens, answer.completion_tokens = event.prompt_tokens, event.completion_tokens
        answer.cached_tokens = event.cached_tokens
    elif isinstance(event, Failed):
        answer.status = "refused" if event.code == "queue_full" else "error"
        answer.detail, answer.retry_after_s = event.code, event.retry_after_s
