"""200 people for ten minutes: everybody answered or told their place, nothing lost, memory flat."""

import asyncio
from itertools import pairwise
from random import Random

from benchmarks import cost
from benchmarks.load import Answer, Target, now, percentile, throughput, warm_up
from benchmarks.registry import Bar, Contest, Scale, Setup
from benchmarks.workloads import chats

PEOPLE = 200
PAUSE_S = (2.0, 20.0)
ANSWER = 48
SILENCE_S = 2.5  # a person who waits hears something at least so often (2 s, and what the network takes)


async def crowd(target: Target, scale: Scale) -> dict[str, float]:
    """Each asks, reads, thinks, asks again; those told to come later do so."""
    await warm_up(target)
    people = scale.of(PEOPLE, 4)
    until = now() + (4.0 if scale.quick else scale.minutes * 60)
    answers: list[Answer] = []
    sizes: list[float] = []
    watcher = asyncio.create_task(_watch(target, sizes, until))

    async def person(number: int) -> None:
        chance = Random(number)  # noqa: S311 - a load, not a secret
        await asyncio.sleep(chance.uniform(0, 1 if scale.quick else PAUSE_S[1]))
        asked = 0
        while now() < until:
            answer = await target.ask(chats.question(number * 1000 + asked, scale.of(ANSWER, 4), number))
            answers.append(answer)
            asked += 1
            await asyncio.sleep(answer.retry_after_s or chance.uniform(*PAUSE_S) * scale.of(10, 1) / 10)

    await asyncio.gather(*(person(number) for number in range(people)))
    await watcher
    return {**_figures(answers), **_memory(sizes)}


def _figures(answers: list[Answer]) -> dict[str, float]:
    whole = [answer for answer in answers if answer.status == "ok"]
    silent = [answer for answer in whole if _silence(answer) > SILENCE_S]
    return {
        **throughput(whole),
        "answered": float(len(whole)),
        "told_to_come_later": float(sum(answer.status == "refused" for answer in answers)),
        "errors": float(sum(answer.status == "error" for answer in answers)),
        "lost": float(sum(answer.status == "lost" for answer in answers)),
        "waited_in_silence": float(len(silent)),
        "first_token_p99_s": percentile([answer.first_token_s for answer in whole], 99),
    }


def _silence(answer: Answer) -> float:
    """The longest time before its first text in which it heard nothing."""
    heard = [answer.sent, *(at for at, _, _ in answer.places), answer.sent + answer.first_token_s]
    return max(later - earlier for earlier, later in pairwise(heard))


async def _watch(target: Target, sizes: list[float], until: float) -> None:
    while now() < until:
        sizes.append(cost.resident_mib(target.root_pid) if target.root_pid else 0.0)
        await asyncio.sleep(2.0)


def _memory(sizes: list[float]) -> dict[str, float]:
    """Resident memory after the first quarter and in the last tenth: growth between them is a leak."""
    settled, last = sizes[len(sizes) // 4], max(sizes[-max(1, len(sizes) // 10) :])
    return {"settled_mib": settled, "last_mib": last, "grown": last / settled if settled else 1.0}


WORKLOADS = (
    Contest(
        "crowd",
        "200 people for ten minutes (--minutes): who was answered, who was lost, and memory over time",
        crowd,
        Setup(slots=16, context=1024, users=PEOPLE, queue_limit=512),
        peers=(),
        shown=(
            *("answered", "told_to_come_later", "errors", "lost", "waited_in_silence"),
            *("tokens_per_s", "first_token_p99_s", "grown", "peak_mib_without_model_process"),
        ),
        bars=(
            Bar("lost", 0, "at most"),
            Bar("errors", 0, "at most"),
            Bar("grown", 1.1, "at most"),
            Bar("peak_mib_without_model_process", 250, "at most"),
        ),
    ),
)
