"""Limits hold to the one, however many ask at once, and a restart gives nobody a new allowance."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from appliance.audit.log import AuditLog
from appliance.completions.pipeline import Completions
from appliance.config import share_folder
from appliance.core import Principal
from appliance.errors import LimitReached
from appliance.inference.client import InferenceClient
from appliance.policy.active import ActivePolicy
from appliance.policy.documents import load
from appliance.policy.limits import Limit
from appliance.policy.model import Parts, compiled
from appliance.protocol.messages import Sampling
from appliance.storage.engine import Database
from tests.completions.test_pipeline import ask, with_runtime
from tests.fakes import FakeClock
from tests.scripted_runtime import ScriptedRuntime

Start = Callable[..., Completions]
TOGETHER = 100
AT_ONCE = 20  # threads


def limited(**changed: int) -> ActivePolicy:
    parts = load(share_folder("policies")).parts
    default: Limit = parts.limits.default.model_copy(update=changed)
    documents = {name: getattr(parts, name) for name in Parts.__slots__}
    documents["limits"] = parts.limits.model_copy(update={"default": default})
    return ActivePolicy(compiled(Parts(**documents), "limited"))


@pytest.fixture
def start(database: Database, audit: AuditLog, inference: InferenceClient, clock: FakeClock) -> Start:
    """A web process that begins, with these limits in force."""

    def started(**changed: int) -> Completions:
        made = Completions(database, audit, inference, limited(**changed), clock)
        made.recover()
        return made

    return started


def admitted_of(completions: Completions, alice: Principal, tokens: int = 8) -> int:
    """How many of a hundred questions asked together are let in; the rest are told when to try again."""
    question = replace(ask(alice), sampling=Sampling(max_tokens=tokens))
    ready = Barrier(AT_ONCE)

    def one(number: int) -> bool:
        if number < AT_ONCE:
            ready.wait()
        try:
            completions.admit(question)
        except LimitReached as refused:
            return not refused.retry_after  # whoever is refused is told when to come again
        return True

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(one, range(TOGETHER)))


CASES = (
    ({"requests_per_minute": 9}, 9),
    ({"requests_per_day": 11}, 11),
    ({"running": 3, "waiting": 4}, 7),
    ({"tokens_per_day": 100}, 13),  # twelve of eight tokens, and one with the four that are left
    ({"tokens_per_minute": 64}, 8),
)


@pytest.mark.parametrize(("limits", "expected"), CASES)
def test_of_a_hundred_together_exactly_as_many_pass_as_may(
    start: Start,
    inference: InferenceClient,
    alice: Principal,
    limits: dict[str, int],
    expected: int,
) -> None:
    async def scenario(_runtime: ScriptedRuntime) -> None:
        completions = start(**limits)
        assert await asyncio.to_thread(admitted_of, completions, alice) == expected

    with_runtime(inference, scenario)


def test_a_restart_gives_no_new_day_and_no_new_minute(
    start: Start, inference: InferenceClient, alice: Principal, clock: FakeClock
) -> None:
    limits = {"requests_per_minute": 4, "requests_per_day": 6, "tokens_per_minute": 900}

    async def scenario(_runtime: ScriptedRuntime) -> None:
        first = start(**limits)
        async for _ in first.stream(first.admit(ask(alice))):
            pass
        clock.advance(20)
        first.withdraw(first.admit(ask(alice)))
        first.admit(ask(alice))  # still running when the process is killed
        left = first.left(alice)
        clock.advance(10)

        again = start(**limits)
        assert again.left(alice).requests_today == left.requests_today == 3
        assert again.headroom(alice).remaining == 1
        assert again.headroom(alice).reset_s == 30
        used = 900 - (again.left(alice).tokens_this_minute or 0)
        assert 0 < used < 100
        again.admit(ask(alice))
        with pytest.raises(LimitReached):
            again.admit(ask(alice))
        clock.advance(31)
        again.admit(ask(alice))

    with_runtime(inference, scenario)
