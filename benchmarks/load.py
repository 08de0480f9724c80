"""Questions to a running target, what came back and when; and the figures made of that."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Protocol

Status = Literal["ok", "refused", "error", "lost"]


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `turns`: (role, content); `user` numbers the target's users from 0.

    `public_prefix`: the first turn is an administrator's system prompt, the same for everybody.
    """

    turns: tuple[tuple[str, str], ...]
    max_tokens: int
    user: int = 0
    seed: int = 1
    temperature: float = 0.7
    public_prefix: bool = False


@dataclass(slots=True)
class Answer:
    """Times are seconds of a monotonic clock. `pieces`: when each piece of text came.

    "refused": told to come back later; "error": another error; "lost": the connection ended early.
    `places`: (time, position, estimated seconds or None) as told while waiting.
    """

    sent: float
    ended: float = 0.0
    status: Status = "lost"
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    retry_after_s: int = 0
    text: list[str] = field(default_factory=list)
    pieces: list[float] = field(default_factory=list)
    places: list[tuple[float, int, float | None]] = field(default_factory=list)

    @property
    def first_token_s(self) -> float:
        return (self.pieces[0] if self.pieces else self.ended) - self.sent

    @property
    def gaps_s(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.pieces)]


class Target(Protocol):
    """Something that answers. `root_pid` starts its process tree; 0 when it runs elsewhere."""

    @property
    def name(self) -> str: ...
    @property
    def root_pid(self) -> int: ...
    @property
    def url(self) -> str: ...

    async def ask(self, question: Question) -> Answer: ...


async def run(target: Target, questions: Sequence[Question], concurrency: int) -> list[Answer]:
    """Every question answered, at most `concurrency` at a time, in the given order."""
    gate = asyncio.Semaphore(concurrency)

    async def one(question: Question) -> Answer:
        async with gate:
            return await target.ask(question)

    return list(await asyncio.gather(*(one(question) for question in questions)))


async def in_turn(target: Target, questions: Iterable[Question]) -> list[Answer]:
    """One after the other, as one person asks."""
    return [await target.ask(question) for question in questions]


async def warm_up(target: Target) -> None:
    """One small answer, so that nothing is done for the first time under the watch."""
    answer = await target.ask(Question((("user", "Hello."),), max_tokens=4))
    require_ok([answer])


def require_ok(answers: Iterable[Answer]) -> None:
    """Every answer came whole; otherwise the figures would praise a server for not working."""
    for answer in answers:
        if answer.status != "ok":
            raise RuntimeError(f"an answer ended as '{answer.status}': {answer.detail}")


def throughput(answers: Sequence[Answer]) -> dict[str, float]:
    """The figures every load has: tokens a second over the whole span, first token, gaps."""
    span = max(answer.ended for answer in answers) - min(answer.sent for answer in answers)
    generated = sum(answer.completion_tokens for answer in answers)
    gaps = [gap for answer in answers for gap in answer.gaps_s]
    firsts = [answer.first_token_s for answer in answers]
    return {
        "tokens_per_s": generated / span,
        "generated_tokens": float(generated),
        "prompt_tokens": float(sum(answer.prompt_tokens for answer in answers)),
        "first_token_s": median(firsts),
        "first_token_p95_s": percentile(firsts, 95),
        "gap_p95_s": percentile(gaps, 95) if gaps else 0.0,
    }


def median(values: Sequence[float]) -> float:
    return percentile(values, 50)


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between the two nearest ranks, as numpy's default."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share / 100
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def jain(shares: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all are equal, 1/n when one has everything."""
    square = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * square) if square else 1.0


def now() -> float:
    return time.monotonic()
