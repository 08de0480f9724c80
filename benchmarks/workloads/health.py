"""GET /health while 32 answers are being generated."""

import asyncio

from benchmarks import sse
from benchmarks.load import Target, median, now, percentile, require_ok, throughput, warm_up
from benchmarks.registry import Bar, Contest, Scale, Setup
from benchmarks.workloads import chats

EVERY_S = 0.05


async def health(target: Target, scale: Scale) -> dict[str, float]:
    """Asked twenty times a second for as long as the answers take."""
    await warm_up(target)
    generations = [
        asyncio.create_task(target.ask(chats.question(number, scale.of(96, 8))))
        for number in range(scale.of(32, 4))
    ]
    times: list[float] = []
    while not all(task.done() for task in generations):
        began = now()
        status, _ = await sse.get(target.url, "/health")
        times.append(now() - began)
        if status != 200:
            raise RuntimeError(f"/health answered {status}")
        await asyncio.sleep(EVERY_S)
    answers = await asyncio.gather(*generations)
    require_ok(answers)
    figures = {"health_p50_ms": median(times) * 1000, "health_p99_ms": percentile(times, 99) * 1000}
    return {**throughput(answers), **figures}


WORKLOADS = (
    Contest(
        "health",
        "GET /health under 32 generations",
        health,
        Setup(slots=32, context=512),
        peers=("llama-server", "xllamacpp", "url"),
        shown=("health_p50_ms", "health_p99_ms"),
        bars=(Bar("health_p99_ms", 50, "at most"),),
    ),
)
