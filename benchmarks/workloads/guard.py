"""What the guard costs: closing the jail, and generating inside it."""

import asyncio
import subprocess
import sys
import time

from benchmarks.load import median, require_ok, run, throughput, warm_up
from benchmarks.registry import Bar, Measurement, Scale, Setup
from benchmarks.targets import engine
from benchmarks.workloads import chats

CLOSE = """
import os, sys, time
from pathlib import Path
from appliance.egress import jail
from appliance.egress.profiles import runtime_profile
began = time.perf_counter()
level = jail.close(runtime_profile(Path(sys.argv[1]), ())).level
print(level, (time.perf_counter() - began) * 1000)
"""


def closing(scale: Scale) -> dict[str, float]:
    """Milliseconds to close the model process's jail, in fresh processes."""
    times = []
    for _ in range(scale.of(15, 2)):
        done = subprocess.run(
            [sys.executable, "-c", CLOSE, str(scale.model)], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout.split()[1]))
    return {"close_ms": median(times)}


def throughput_inside(scale: Scale) -> dict[str, float]:
    """The bare engine loop with and without the jail around it, in turns."""
    ratios = []
    for _ in range(scale.of(3, 1)):
        inside = asyncio.run(_tokens_per_s("kernel", scale))
        ratios.append(inside / asyncio.run(_tokens_per_s("off", scale)))
    return {"inside_to_outside": median(ratios)}


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
        "milliseconds to close a process's jail",
        closing,
        bars=(Bar("close_ms", 300, "at most"),),
    ),
    Measurement(
        "guard-speed",
        "generation inside the jail divided by outside",
        throughput_inside,
        bars=(Bar("inside_to_outside", 0.98, "at least"),),
    ),
)
