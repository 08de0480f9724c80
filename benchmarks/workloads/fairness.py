"""One greedy user among seven modest ones: who waits for whom."""

import asyncio

from benchmarks.load import (
    Answer,
    Question,
    Target,
    in_turn,
    jain,
    median,
    now,
    require_ok,
    throughput,
    warm_up,
)
from benchmarks.registry import Bar, Contest, Scale, Setup
from benchmarks.workloads import chats

USERS = 8
GREEDY_REQUESTS = 60
EQUAL_S = 40.0
SLOTS = 4


async def greedy(target: Target, scale: Scale) -> dict[str, float]:
    """A modest user's first token alone, and while user 0 has sent 60 requests at once."""
    await warm_up(target)
    count = scale.of(4, 1)
    alone = await in_turn(target, _modest(count, scale))
    flood = [
        asyncio.create_task(target.ask(chats.question(number, scale.of(64, 4))))
        for number in range(scale.of(GREEDY_REQUESTS, 6))
    ]
    await asyncio.sleep(scale.of(3, 1))
    beside = await in_turn(target, _modest(count, scale))
    require_ok(alone + beside)
    rest = await asyncio.gather(*flood)
    figures = throughput([*alone, *beside, *(answer for answer in rest if answer.status == "ok")])
    before, during = (median([one.first_token_s for one in answers]) for answers in (alone, beside))
    figures |= {"alone_s": before, "beside_greedy_s": during, "beside_to_alone": during / before}
    return figures | {"greedy_not_answered": float(sum(answer.status != "ok" for answer in rest))}


def _modest(count: int, scale: Scale) -> list[Question]:
    return [chats.question(100 + number, scale.of(16, 4), user=1) for number in range(count)]


async def equal(target: Target, scale: Scale) -> dict[str, float]:
    """Eight users who always want more, user 0 with ten times as many requests open: tokens each got."""
    await warm_up(target)
    served = [0.0] * USERS
    until = now() + scale.of(int(EQUAL_S), 4)
    answers: list[Answer] = []

    async def keep_asking(user: int, lane: int) -> None:
        number = 0
        while now() < until:
            answer = await target.ask(chats.question(1000 * lane + number, scale.of(32, 4), user))
            number += 1
            if answer.status != "ok":
                await asyncio.sleep(answer.retry_after_s or 0.2)
            elif answer.ended <= until:
                served[user] += answer.prompt_tokens + answer.completion_tokens
                answers.append(answer)

    lanes = [(user, lane) for user in range(USERS) for lane in range(20 if user == 0 else 2)]
    await asyncio.gather(*(keep_asking(user, lane) for user, lane in lanes))
    others = sum(served[1:]) / (USERS - 1)
    return {
        **throughput(answers),
        "jain": jain(served),
        "greedy_share": served[0] / others if others else 0.0,
    }


WORKLOADS = (
    Contest(
        "greedy",
        "a modest user's first token while another has sent 60 requests at once, beside alone",
        greedy,
        Setup(slots=16, context=1024, users=USERS),
        shown=("alone_s", "beside_greedy_s", "beside_to_alone"),
        bars=(Bar("beside_to_alone", 5.0, "at most"),),
    ),
    Contest(
        "equal-users",
        "eight users, one with ten times the requests: Jain's index of the tokens each got",
        equal,
        Setup(slots=SLOTS, context=1024, users=USERS),
        shown=("jain", "greedy_share", "tokens_per_s"),
        bars=(Bar("jain", 0.95, "at least"),),
    ),
)
