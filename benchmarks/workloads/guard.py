"""What the guard costs: the product's start, and generating inside a jail."""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import sse
from benchmarks.load import Target, median, require_ok, run, throughput, warm_up
from benchmarks.registry import Bar, Measurement, Scale, Setup
from benchmarks.targets import engine, product
from benchmarks.targets.servers import stop
from benchmarks.timed_child import SAID
from benchmarks.workloads import chats

TARGET = "benchmarks.targets.guarded"
GUARDS = ("kernel", "off")
JAILS = 7  # launcher, supervisor, post, web, gate, sealer, runtime


def starting(scale: Scale) -> dict[str, float]:
    """Milliseconds until the whole product serves, with all its jails and with none, in turns.

    `added_ms` is the median of the turns' own differences: a machine that slows down meanwhile hurts
    both of a turn. `closing_ms` is what all processes together spent on closing their jails, as if
    none did so beside another.
    """
    turns: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        data = Path(folder) / "data"
        product.people(data, 1)
        for number in range(1 + scale.of(7, 1)):
            order = GUARDS if number % 2 == 0 else GUARDS[::-1]  # nobody is always the second
            times = {guard: asyncio.run(_start(guard, data, scale.model)) for guard in order}
            turns.append({**times, "closing": _closing_ms(data.parent / "kernel.log")})
    counted = turns[1:]  # the first one reads what the others find in memory
    return {
        "start_ms": median([turn["kernel"] for turn in counted]),
        "start_without_ms": median([turn["off"] for turn in counted]),
        "added_ms": median([turn["kernel"] - turn["off"] for turn in counted]),
        "closing_ms": median([turn["closing"] for turn in counted]),
    }


async def _start(guard: str, data: Path, model: Path) -> float:
    log = data.parent / f"{guard}.log"
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


def _closing_ms(log: Path) -> float:
    text = log.read_text("utf-8", "replace")
    found = [float(spent) for spent in re.findall(rf"{SAID} ([0-9.]+);", text)]
    if len(found) < JAILS:
        raise RuntimeError(f"only {len(found)} jails said how long they took to close")
    return sum(found)


def throughput_inside(scale: Scale) -> dict[str, float]:
    """The bare engine loop with and without the jail around it.

    Both stand ready the whole time and generate in short turns, so that a machine that slows down
    meanwhile hurts both of a pair; the figure is the median of the pairs' own ratios.
    """
    return asyncio.run(_in_short_turns(scale))


async def _in_short_turns(scale: Scale) -> dict[str, float]:
    setup = Setup(slots=16, context=1024)
    async with (
        engine.start(setup, scale.model, "kernel") as inside,
        engine.start(setup, scale.model, "off") as outside,
    ):
        await warm_up(inside)
        await warm_up(outside)
        pairs: list[tuple[float, float]] = []
        for number in range(1 + scale.of(16, 1)):
            order = (inside, outside) if number % 2 == 0 else (outside, inside)  # nobody is always the second
            speeds = {target: await _tokens_per_s(target, number, scale) for target in order}
            pairs.append((speeds[inside], speeds[outside]))
    counted = pairs[1:]  # the first one brings everything into memory
    return {
        "inside_to_outside": median([one / other for one, other in counted]),
        "inside_tokens_per_s": median([one for one, _ in counted]),
        "outside_tokens_per_s": median([other for _, other in counted]),
    }


async def _tokens_per_s(target: Target, turn: int, scale: Scale) -> float:
    questions = [chats.question(16 * turn + number, scale.of(24, 8)) for number in range(scale.of(16, 4))]
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
