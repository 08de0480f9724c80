"""Does one user's prompt change another's time to first token? A two-sample Kolmogorov-Smirnov audit.

A spy asks a text that another user has just asked, or one that nobody has. If the KV cache were
shared, the first would come sooner. The control asks the same of one's own texts, where the cache
does work: it shows that the audit would see a difference of that kind.
"""

import math
from collections.abc import Sequence
from random import Random

from benchmarks import texts
from benchmarks.load import Answer, Question, Target, median, require_ok, throughput, warm_up
from benchmarks.registry import Bar, Contest, Scale, Setup

TRIALS = 60
WORDS = 150
SPY, VICTIM = 0, 1
OWN_TOKENS = 64  # what the chat template puts before every prompt, from the spy's own earlier ones
MANY_TERMS = 100


async def privacy(target: Target, scale: Scale) -> dict[str, float]:
    """Pairs of asked and unasked texts in a random order; every first token of the spy is one sample."""
    await warm_up(target)
    chance = Random(1)  # noqa: S311 - an order, not a secret
    trials = [(number, kind) for number in range(scale.of(TRIALS, 2)) for kind in ("other", "new", "own")]
    chance.shuffle(trials)
    samples: dict[str, list[Answer]] = {"other": [], "new": [], "own": []}
    for number, kind in trials:
        key = f"{kind}{number}"
        asked_by = {"other": VICTIM, "new": VICTIM, "own": SPY}[kind]
        first = _question(f"{key} unrelated" if kind == "new" else key, asked_by)
        samples[kind].append(await _second(target, first, _question(key, SPY)))
    times = {kind: [answer.first_token_s for answer in answers] for kind, answers in samples.items()}
    return {
        **throughput([answer for answers in samples.values() for answer in answers]),
        "p_value": p_value(times["other"], times["new"]),
        "control_p_value": p_value(times["own"], times["new"]),
        "asked_by_another_s": median(times["other"]),
        "asked_by_nobody_s": median(times["new"]),
        "cached_tokens": float(max(answer.cached_tokens for answer in samples["other"] + samples["new"])),
    }


async def _second(target: Target, first: Question, second: Question) -> Answer:
    answers = [await target.ask(first), await target.ask(second)]
    require_ok(answers)
    return answers[1]


def _question(key: str, user: int) -> Question:
    seed = int.from_bytes(key.encode(), "big") % 2**31
    return Question((("user", texts.words(WORDS, seed)),), max_tokens=1, user=user, temperature=0.0)


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
        Setup(slots=4, context=1024, users=2),
        peers=(),
        shown=("p_value", "control_p_value", "asked_by_another_s", "asked_by_nobody_s", "cached_tokens"),
        bars=(
            Bar("p_value", 0.01, "at least"),
            Bar("control_p_value", 0.01, "at most"),
            Bar("cached_tokens", OWN_TOKENS, "at most"),
        ),
    ),
)
