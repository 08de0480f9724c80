"""Long prompts: one that everybody shares, the second turn of a long conversation, long among short."""

from benchmarks import texts
from benchmarks.load import Answer, Question, Target, median, percentile, require_ok, run, throughput, warm_up
from benchmarks.registry import Bar, Contest, Scale, Setup
from benchmarks.workloads import chats

SHARED_WORDS = 1350  # about 1,500 tokens
SHARED_ANSWER = 32
AT_ONCE = 16
TURN_WORDS = 1750  # about 2,000 tokens
LONG_WORDS = 2400


async def shared(target: Target, scale: Scale) -> dict[str, float]:
    """The same system prompt in front of 32 questions: first when nobody has read it, then again."""
    await warm_up(target)
    system = ("system", "You help people. " + texts.words(scale.of(SHARED_WORDS, 100), 99))
    cold = await _shared_round(target, scale, system, 0)
    warm = await _shared_round(target, scale, system, 1000)
    figures = throughput(cold + warm)
    for name, answers in (("cold", cold), ("warm", warm)):
        figures[f"{name}_tokens_per_s"] = throughput(answers)["tokens_per_s"]
        figures[f"{name}_first_token_s"] = median([answer.first_token_s for answer in answers])
    return figures


async def _shared_round(target: Target, scale: Scale, system: tuple[str, str], first: int) -> list[Answer]:
    questions = [
        Question(
            (system, ("user", f"Question {first + number}: describe {texts.words(3, first + number)}.")),
            scale.of(SHARED_ANSWER, 4),
            seed=number + 1,
            public_prefix=True,
        )
        for number in range(scale.of(32, 2))
    ]
    answers = await run(target, questions, AT_ONCE)
    require_ok(answers)
    return answers


async def second_turn(target: Target, scale: Scale) -> dict[str, float]:
    """A long question, its answer, and a short one more: the first token of each turn."""
    await warm_up(target)
    answers: list[Answer] = []
    ratios: list[float] = []
    for number in range(scale.of(4, 1)):
        opening = (
            "user",
            f"Story {number}: {texts.words(scale.of(TURN_WORDS, 100), number)}. What is it about?",
        )
        one = await target.ask(Question((opening,), scale.of(48, 4), user=number, seed=1))
        turns = (opening, ("assistant", "".join(one.text)), ("user", "And who is in it?"))
        two = await target.ask(Question(turns, scale.of(48, 4), user=number, seed=1))
        require_ok([one, two])
        answers += [one, two]
        ratios.append(two.first_token_s / one.first_token_s)
    return {
        **throughput(answers),
        "first_turn_s": median([answer.first_token_s for answer in answers[::2]]),
        "second_turn_s": median([answer.first_token_s for answer in answers[1::2]]),
        "second_to_first": median(ratios),
    }


async def mixed(target: Target, scale: Scale) -> dict[str, float]:
    """Twelve short chats while four people bring long documents: what the short ones feel."""
    await warm_up(target)
    short = [chats.question(number, scale.of(96, 8), number) for number in range(scale.of(24, 3))]
    long = [
        Question(
            (("user", f"Document {number}: {texts.words(scale.of(LONG_WORDS, 150), number)}. Sum it up."),),
            scale.of(48, 4),
            user=100 + number,
        )
        for number in range(scale.of(8, 1))
    ]
    blended = [
        question
        for at in range(len(short))
        for question in (short[at], *long[at // 3 : at // 3 + (at % 3 == 0)])
    ]
    answers = await run(target, blended, AT_ONCE)
    require_ok(answers)
    of_short = [answer for answer, asked in zip(answers, blended, strict=True) if asked in short]
    gaps = [gap for answer in of_short for gap in answer.gaps_s]
    return {
        **throughput(answers),
        "short_first_token_s": median([answer.first_token_s for answer in of_short]),
        "short_gap_p95_s": percentile(gaps, 95) if gaps else 0.0,
        "short_gap_most_s": max(gaps, default=0.0),
    }


WORKLOADS = (
    Contest(
        "shared-prompt",
        "32 requests behind one public prompt of 1,500 tokens, 16 at a time, cold and warm",
        shared,
        Setup(slots=16, context=2048),
        shown=("cold_tokens_per_s", "warm_tokens_per_s", "cold_first_token_s", "warm_first_token_s"),
        bars=(
            Bar("cold_tokens_per_s", 4.0, "at least", "llama-server"),
            Bar("warm_tokens_per_s", 1.5, "at least", "llama-server"),
        ),
    ),
    Contest(
        "second-turn",
        "the first token of the second turn of a 2,000-token conversation, beside the first turn's",
        second_turn,
        Setup(slots=4, context=4096, users=4),
        shown=("first_turn_s", "second_turn_s", "second_to_first"),
        bars=(Bar("second_to_first", 0.15, "at most"),),
    ),
    Contest(
        "mixed",
        "short chats while others bring documents of 2,700 tokens",
        mixed,
        Setup(slots=16, context=4096, users=8),
        shown=("tokens_per_s", "short_first_token_s", "short_gap_p95_s", "short_gap_most_s"),
    ),
)
