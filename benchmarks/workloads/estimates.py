"""How right the estimates are that those who wait are told, against when they really started."""

from benchmarks.load import Answer, Target, median, percentile, require_ok, run, throughput, warm_up
from benchmarks.registry import ENGINE, Bar, Contest, Scale, Setup
from benchmarks.workloads import chats

LEAST_WAIT_S = 1.0  # estimates are told in whole seconds; below that they have nothing to be wrong about


async def estimates(target: Target, scale: Scale) -> dict[str, float]:
    """A queue of 48 behind four slots; every estimate told is one sample."""
    await warm_up(target)
    await run(target, [chats.question(number, scale.of(64, 4)) for number in range(4)], 4)
    answers = await run(
        target, [chats.question(number, scale.of(64, 8), number % 4) for number in range(scale.of(48, 8))], 48
    )
    require_ok(answers)
    errors = [error for answer in answers for error in _errors(answer)]
    return {
        **throughput(answers),
        "estimates": float(len(errors)),
        "median_error": median(errors) if errors else 0.0,
        "p90_error": percentile(errors, 90) if errors else 0.0,
    }


def _errors(answer: Answer) -> list[float]:
    """|told - true| / true for each estimate; the truth is the first token's time."""
    first = answer.sent + answer.first_token_s
    waits = [(first - told_at, eta) for told_at, _, eta in answer.places if eta is not None]
    return [abs(eta - wait) / wait for wait, eta in waits if wait >= LEAST_WAIT_S]


WORKLOADS = (
    Contest(
        "estimates",
        "the waiting times people are told, against the true ones",
        estimates,
        Setup(slots=4, context=1024, users=4),
        peers=(ENGINE,),
        shown=("estimates", "median_error", "p90_error"),
        bars=(Bar("median_error", 0.30, "at most"),),
    ),
)
