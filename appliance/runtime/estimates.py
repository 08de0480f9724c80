"""When will those who wait start? The engine's near future, played through from measured speeds. Pure.

The machine is one worker shared equally by the running requests (processor sharing). Each has
work left, in seconds of the whole machine: the prompt tokens it must still read, and the tokens
its answer will probably still have. Whenever one ends, the next in line starts.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace

REMEMBERED = 256
FIRST_GUESS = 200.0  # tokens of an answer, before any has ended
LEAST_SHARE = 0.5  # an answer longer than any before goes on for half of what it has, probably


class AnswerLengths:
    """How long the answers of late were, in tokens."""

    def __init__(self) -> None:
        self._newest: deque[int] = deque(maxlen=REMEMBERED)
        self._sorted: list[int] = []
        self._sums: list[int] = [0]

    def add(self, tokens: int) -> None:
        self._newest.append(tokens)
        self._sorted = []

    def left(self, generated: int, limit: int) -> float:
        """Tokens that an answer will probably still have; `limit` is the most it may have at all."""
        if not self._newest:
            guess = max(FIRST_GUESS - generated, LEAST_SHARE * generated)
            return max(0.0, min(guess, limit - generated))
        self._sort()
        longer = bisect_right(self._sorted, generated)
        capped = max(longer, bisect_right(self._sorted, limit))
        count = len(self._sorted) - longer
        if not count:
            return max(0.0, min(LEAST_SHARE * generated, limit - generated))
        total = self._sums[capped] - self._sums[longer] + limit * (len(self._sorted) - capped)
        return max(0.0, total / count - generated)

    def _sort(self) -> None:
        if not self._sorted:
            self._sorted = sorted(self._newest)
            self._sums = [0]
            for length in self._sorted:
                self._sums.append(self._sums[-1] + length)


def starts(running: Iterable[float], waiting: Sequence[float]) -> list[float]:
    """Seconds until each of `waiting` starts, in order; both are work left, in machine seconds.

    Nobody starts before one of the running ends.
    """
    ends = list(running)
    if not ends:
        return [0.0] * len(waiting)
    heapify(ends)
    share, told = len(ends), []
    now = served = 0.0  # seconds from now, and what each of the running has been given by then
    for work in waiting:
        now += share * max(0.0, ends[0] - served)
        served = max(served, ends[0])
        told.append(now)
        heapreplace(ends, served + work)
    return told
