"""What the guard costs: the product's start, and generating inside a jail."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import sse
from benchmarks.load import median, require_ok, run, throughput, warm_up
from benchmarks.registry import Bar, Measurement, Scale, Setup
from benchmarks.targets import engine, product
from benchmarks.targets.servers import stop
from benchmarks.workloads import chats

TARGET = "benchmarks.targets.guarded"


def starting(scale: Scale) -> dict[str, float]:
    """Milliseconds until the whole product serves, with all its jails and with none, in turns."""
    times: dict[str, list[float]] = {"kernel": [], "off": []}
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        data = Path(folder) / "data"
        product.people(data, 1)
        for _ in range(scale.of(7, 1)):
            for guard, found in times.items():
                found.append(asyncio.run(_start(guard, data, scale.model)))
    guarded, plain = median(times["kernel"]), median(times["off"])
    return {"start_ms": guarded, "start_without_ms": plain, "added_ms": guarded - plain}


async def _start(guard: str, data: Path, model: Path) -> float:
    log = data.parent / "log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", TARGET, guard, str(data), str(model)],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        url = await product.address(process, log)
        while (await sse.get(url, "/health"))[0] != 200:  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.005)
        return (time.monotonic() - began) * 1000
    finally:
        stop(process)


def throughput_inside(scale: Scale) -> dict[str, float]:
    """The bare engine loop with and without the jail around it, in turns."""
    speeds: dict[engine.Guard, list[float]] = {"kernel": [], "off": []}
    for turn in range(scale.of(6, 1)):
        order: list[engine.Guard] = ["kernel", "off"]
        for guard in order if turn % 2 == 0 else reversed(order):  # nobody is always the second
            speeds[guard].append(asyncio.run(_tokens_per_s(guard, scale)))
    return {"inside_to_outside": median(speeds["kernel"]) / median(speeds["off"])}


async def _tokens_per_s(guard: engine.Guard, scale: Scale) -> float:
    async with engine.start(Setup(slots=16, context=1024), scale.model, guard) as target:
        await warm_up(target)
        questions = [chats.question(number, scale.of(96, 8)) for number in range(scale.of(32, 4))]
        began = time.monotonic()
        answers = await run(target, questions, 16)
        require_ok(answers)
        return throughput(answers)["generated_tokens"] / (time.monotonic() - began)


WORKLOADS = (
    Measurement(
        "guard-start",
        "milliseconds that the guard adds to the start of the whole product",
        starting,
        bars=(Bar("added_ms", 300, "at most"),),
    ),
    Measurement(
        "guard-speed",
        "generation inside the jail divided by outside",
        throughput_inside,
        bars=(Bar("inside_to_outside", 0.99, "at least"),),
    ),
)
