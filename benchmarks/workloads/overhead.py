"""What the whole product adds to the bare engine loop: time to the first token of one short chat."""

from benchmarks.load import Target, in_turn, median, require_ok, throughput, warm_up
from benchmarks.registry import ENGINE, Contest, Scale, Setup
from benchmarks.workloads import chats


async def first_token(target: Target, scale: Scale) -> dict[str, float]:
    """One person, one question after the other; each new, so nothing is cached.

    Answers of one token: what the screen for personal data holds back of longer ones is not counted.
    """
    await warm_up(target)
    answers = await in_turn(target, [chats.question(number, 1) for number in range(scale.of(40, 2))])
    require_ok(answers)
    return {**throughput(answers), "first_token_ms": median([one.first_token_s for one in answers]) * 1000}


WORKLOADS = (
    Contest(
        "first-token",
        "the first token of a short question, one at a time; the difference is the product around the engine",
        first_token,
        Setup(slots=4, context=1024),
        peers=(ENGINE,),
        shown=("first_token_ms",),
    ),
)
