"""One trial of one layout of one model: how fast it reads and generates, and how well it foretells a text.

Runs in a jailed process of its own, so a layout that ends it ends nothing else.
"""

import os
import time

from appliance.protocol.trials import Failed, Measured, Order, Requantize, Result, Trial, Written
from appliance.runtime.device import DecodeFailed, Device, KvState

SPIN_COUNT = "1000"  # as in process.py
FIRST_PROMPT = 32
LONGEST_PROMPT = 384
FEWEST_STEPS = 3
READINGS, GENERATIONS = 2, 3
STRIDE = 7919  # spreads the made-up prompt over the vocabulary


def act(order: Order) -> Result:
    """Do as ordered."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from appliance.runtime import quality  # noqa: PLC0415 - loads llama.cpp
    from appliance.runtime.runner import ModelNotLoaded  # noqa: PLC0415

    try:
        if isinstance(order, Requantize):
            quality.requantize(order.source, order.target, order.format, order.threads)
            return Written()
        return _measure(order)
    except (ModelNotLoaded, DecodeFailed, quality.NotMeasured) as error:
        return Failed(str(error))


def _measure(order: Trial) -> Measured | Failed:
    from appliance.runtime.runner import Runner  # noqa: PLC0415 - loads llama.cpp

    runner = Runner(order.settings)
    facts = runner.facts()
    tokens = [1 + STRIDE * number % (runner.n_vocab - 1) for number in range(LONGEST_PROMPT)]
    first = _read(runner, tokens[:FIRST_PROMPT], order.settings.batch)
    affordable = int(first * order.seconds / 2 / READINGS)
    length = max(FIRST_PROMPT, min(LONGEST_PROMPT, runner.n_ctx // 2, affordable))
    # The best of several: what else runs on the machine only ever slows a trial down.
    reading = max(_read(runner, tokens[:length], order.settings.batch) for _ in range(READINGS))
    pause = order.seconds / 2 / GENERATIONS
    state = runner.save(0)
    if state is None:
        return Failed("not enough memory")
    generating = max(_generate(runner, state, length, pause) for _ in range(GENERATIONS))
    loss = None
    if order.text:
        text = runner.tokenize(order.text, special=True)[: order.text_tokens]
        loss = runner.perplexity(text, order.settings.threads)
    return Measured(
        prompt_tokens_per_s=reading,
        generated_tokens_per_s=generating,
        quantization=facts.quantization,
        size_bytes=facts.size_bytes,
        perplexity=loss,
    )


def _read(device: Device, tokens: list[int], batch: int) -> float:
    """Tokens a second of reading `tokens` into the first slot."""
    device.keep(0, 0)
    began = time.perf_counter()
    for start in range(0, len(tokens), batch):
        device.read(0, tokens[start : start + batch], start)
    return len(tokens) / (time.perf_counter() - began)


def _generate(device: Device, state: KvState, depth: int, seconds: float) -> float:
    """Tokens a second of all slots together, each with the `depth` tokens of `state` before it."""
    slots = list(range(device.slots))
    for slot in slots:
        device.keep(slot, 0)
        device.load(slot, state)
    steps, began = 0, time.perf_counter()
    while depth + steps < device.n_ctx and (steps < FEWEST_STEPS or time.perf_counter() - began < seconds):
        device.generate(slots, [1 + steps] * len(slots), [depth + steps] * len(slots))
        steps += 1
    return steps * len(slots) / (time.perf_counter() - began)
