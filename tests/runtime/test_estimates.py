"""Estimates, alone and against what then happened on a machine whose every second is known."""

from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.protocol.messages import Queued
from appliance.runtime.estimates import FIRST_GUESS, AnswerLengths, starts
from tests.fakes import FakeClock
from tests.runtime.device import Bench, asks


def test_the_next_starts_when_the_shortest_of_the_running_ends() -> None:
    assert starts([3.0, 1.0], [1.0, 5.0, 1.0]) == [2.0, 4.0, 6.0]
    assert starts([], [1.0, 2.0]) == [0.0, 0.0]
    assert starts([2.0], [3.0, 4.0]) == [2.0, 5.0]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.lists(st.floats(0, 100), max_size=20))
def test_nobody_starts_before_who_is_ahead_nor_after_all_the_work_is_done(
    running: list[float], waiting: list[float]
) -> None:
    told = starts(running, waiting)
    assert told == sorted(told)
    for place, seconds in enumerate(told):
        assert seconds <= sum(running) + sum(waiting[:place]) + 1e-6


def test_what_an_answer_still_has_is_learnt_from_those_that_ended() -> None:
    lengths = AnswerLengths()
    assert lengths.left(0, 10_000) == FIRST_GUESS
    assert lengths.left(0, 50) == 50
    for tokens in (10, 20, 60):
        lengths.add(tokens)
    assert lengths.left(0, 1000) == 30
    assert lengths.left(15, 1000) == 25
    assert lengths.left(0, 30) == 20
    assert lengths.left(100, 1000) == 50
    assert lengths.left(100, 100) == 0


class Clerk:
    """Compares every estimate that was told with when that request really began."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.told: list[tuple[str, float, float]] = []
        self.begun: dict[str, float] = {}
        self._seen = 0

    def step(self) -> None:
        self.bench.engine.step()
        now = self.bench.clock.monotonic()
        for frame in self.bench.sent[self._seen :]:
            if not isinstance(frame, Queued):
                self.begun.setdefault(getattr(frame, "id", ""), now)
            elif frame.eta_s is not None:
                self.told.append((frame.id, now, frame.eta_s))
        self._seen = len(self.bench.sent)

    def errors(self) -> list[float]:
        """Relative to the real wait; of waits under half a second, to that."""
        waits = [(eta, self.begun[name] - at) for name, at, eta in self.told]
        return [abs(eta - wait) / max(wait, 0.5) for eta, wait in waits]


@pytest.mark.parametrize(("slots", "at_once"), [(4, 20), (8, 100), (16, 100)])
def test_estimates_are_within_30_per_cent_in_the_middle(slots: int, at_once: int) -> None:
    """Prompts and answers of all lengths; many at once, then others while those are being answered."""
    random, bench = Random(1), Bench(FakeClock(), slots=slots, n_ctx=400, queue_limit=200)  # noqa: S311 - a workload
    bench.device.step_s = 0.02
    clerk = Clerk(bench)
    for number in range(120):
        text = "".join(random.choices("abcdef ", k=random.randint(1, 300)))
        limit = random.choice((None, 8, 40))
        bench.take(asks(str(number), text, payer=f"user{number % 12}", max_tokens=limit))
        for _ in range(random.randint(0, 6) if number > at_once else 0):
            clerk.step()
    while bench.engine.busy:
        clerk.step()
    assert len(clerk.told) > 100
    assert median(clerk.errors()) <= 0.3
