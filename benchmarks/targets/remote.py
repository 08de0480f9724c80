"""Any OpenAI-compatible server at a base address; its key comes from BENCH_API_KEY."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks import sse
from benchmarks.load import Answer, Question, Target


@dataclass(frozen=True, slots=True)
class Remote:
    """`keys`: one per user, used in turn; "" for a server without keys."""

    name: str
    url: str
    model: str
    root_pid: int = 0
    keys: tuple[str, ...] = field(default=("",), repr=False)

    async def ask(self, question: Question) -> Answer:
        return await sse.ask(self.url, self.keys[question.user % len(self.keys)], self.model, question)


@asynccontextmanager
async def start(url: str) -> AsyncIterator[Target]:
    """A target for `url`, which may end in /v1."""
    base = url.rstrip("/").removesuffix("/v1")
    key = os.environ.get("BENCH_API_KEY", "")
    yield Remote(url, base, await first_model(base, key), keys=(key,))


async def first_model(base_url: str, key: str = "") -> str:
    """The id of the first model the server lists."""
    status, body = await sse.get(base_url, "/v1/models", key)
    if status != 200:
        raise RuntimeError(f"{base_url}/v1/models answered {status}")
    name: str = json.loads(body)["data"][0]["id"]
    return name
