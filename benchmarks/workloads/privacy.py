"""Does one user's prompt change another's time to first token? A two-sample Kolmogorov-Smirnov audit.

Two spies ask the same texts: one before a victim has asked it, the other right after. If the KV
cache were shared, the second would hear sooner. The control asks once more what oneself has asked,
where the cache does work: it shows that the audit would see a difference of that kind.
"""

import math
from collections.abc import Sequence

from benchmarks import texts
from benchmarks.load import Answer, Question, Target, median, require_ok, throughput, warm_up
from benchmarks.registry import Bar, Contest, Scale, Setup

TRIALS = 40
WORDS = 120
VICTIM, SPIES = 0, (1, 2)
OWN_TOKENS = 64  # what the chat template puts before every prompt, from a spy's own earlier ones
MANY_TERMS = 100


async def privacy(target: Target, scale: Scale) -> dict[str, float]:
    """Each first token of a spy is one sample; what was asked just before is always of equal length."""
    await warm_up(target)
    samples: dict[str, list[Answer]] = {"new": [], "asked": [], "own": []}
    for number in range(scale.of(TRIALS, 2)):
        first, second = SPIES if number % 2 else SPIES[::-1]
        await _ask(target, f"filler {number}", VICTIM)
        samples["new"].append(await _ask(target, f"text {number}", first))
        await _ask(target, f"text {number}", VICTIM)
        samples["asked"].append(await _ask(target, f"text {number}", second))
        samples["own"].append(await _ask(target, f"text {number}", second))
    times = {kind: [answer.first_token_s for answer in answers] for kind, answers in samples.items()}
    return {
        **throughput([answer for answers in samples.values() for answer in answers]),
        "p_value": p_value(times["asked"], times["new"]),
        "control_p_value": p_value(times["own"], times["new"]),
        "asked_by_another_s": median(times["asked"]),
        "asked_by_nobody_s": median(times["new"]),
        "cached_tokens": float(max(answer.cached_tokens for answer in samples["asked"] + samples["new"])),
    }


async def _ask(target: Target, key: str, user: int) -> Answer:
    seed = int.from_bytes(key.encode(), "big") % 2**31
    question = Question((("user", texts.words(WORDS, seed)),), max_tokens=1, user=user, temperature=0.0)
    answer = await target.ask(question)
    require_ok([answer])
    return answer


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest difference between the two distribution functions."""
    return max(
        abs(sum(a <= at for a in one) / len(one) - sum(b <= at for b in other) / len(other))
        for at in (*one, *other)
    )


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """How probable so large a distance is if both come from the same distribution (asymptotic)."""
    size = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    scaled = (size + 0.12 + 0.11 / size) * distance(one, other)
    if scaled < 0.2:
        return 1.0  # the series converges too slowly there, to one
    terms = (math.exp(-2 * (term * scaled) ** 2) * (1 if term % 2 else -1) for term in range(1, MANY_TERMS))
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


WORKLOADS = (
    Contest(
        "privacy",
        "whether one user's prompt changes another's time to first token (Kolmogorov-Smirnov)",
        privacy,
        Setup(slots=4, context=1024, users=3),
        peers=(),
        shown=("p_value", "control_p_value", "asked_by_another_s", "asked_by_nobody_s", "cached_tokens"),
        bars=(
            Bar("p_value", 0.05, "at least"),
            Bar("control_p_value", 0.01, "at most"),
            Bar("cached_tokens", OWN_TOKENS, "at most"),
        ),
    ),
)
