"""Short chats, so many at a time: 100-token questions, answers of 96 tokens."""

from collections.abc import Awaitable, Callable

from benchmarks import texts
from benchmarks.load import Question, Target, require_ok, run, throughput, warm_up
from benchmarks.registry import ENGINE, Bar, Contest, Scale, Setup

ANSWER = 96
SHOWN = ("tokens_per_s", "first_token_s", "gap_p95_s")


def question(number: int, max_tokens: int = ANSWER, user: int = 0) -> Question:
    return Question((("user", texts.story(number)),), max_tokens, user, seed=number + 1)


def _measure(concurrency: int, requests: int) -> Callable[[Target, Scale], Awaitable[dict[str, float]]]:
    async def measure(target: Target, scale: Scale) -> dict[str, float]:
        await warm_up(target)
        count = scale.of(requests, min(concurrency, 4))
        answers = await run(target, [question(n, scale.of(ANSWER, 8)) for n in range(count)], concurrency)
        require_ok(answers)
        return throughput(answers)

    return measure


def _chats(concurrency: int, requests: int, *bars: Bar) -> Contest:
    return Contest(
        name=f"chats-{concurrency}",
        about=f"{requests} short chats, {concurrency} at a time",
        measure=_measure(concurrency, requests),
        setup=Setup(slots=16, context=1024),
        shown=SHOWN,
        bars=bars,
    )


WORKLOADS = (
    _chats(1, 8, Bar("tokens_per_s", 1.0, "at least", "llama-server")),
    _chats(4, 16),
    _chats(
        16,
        32,
        Bar("tokens_per_s", 1.15, "at least", "llama-server"),
        Bar("tokens_per_s", 0.95, "at least", ENGINE),
    ),
    _chats(64, 96),
)
