"""Virtual Token Counter: whoever has had the least of the machine goes next.

Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024, algorithm 2. Each payer
has a counter that grows with the tokens served, divided by their weight; of those who wait,
the one with the smallest counter is next. A payer who comes back after a pause is lifted to
the smallest counter of those who wait, so idle time earns no credit. Pure.
"""

from collections import deque
from collections.abc import Container, Mapping
from heapq import heapify, heappop, heapreplace

from appliance.runtime.sequence import Sequence

INPUT_WEIGHT = 1.0
OUTPUT_WEIGHT = 2.0
PRUNE_ABOVE = 1024


class FairQueue:
    """The waiting requests of one class, and what each payer in it has been served so far.

    A payer's own requests are first come, first served. `waiting` has no empty queues.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, deque[Sequence]] = {}
        self.served: dict[str, float] = {}
        self._last_left = 0.0

    def add(self, sequence: Sequence) -> None:
        """Let it wait; lifts a payer who had nothing waiting."""
        payer = sequence.fair_key
        if payer not in self.waiting:
            floor = min((self.served[other] for other in self.waiting), default=self._last_left)
            self.served[payer] = max(self.served.get(payer, 0.0), floor)
            self.waiting[payer] = deque()
        self.waiting[payer].append(sequence)

    def first(self, held: Mapping[str, int], most: int) -> Sequence | None:
        """The next one by the least served payer; of equals, by who holds fewer slots.

        A payer with as many slots as the policy allows is passed over: more is not wanted. But
        None when the least served holds `most` slots: going on to the next payer then would break
        the paper's bound, which rests on nobody being started but the least served.
        """
        payers = self._may_start(held)
        if not payers:
            return None
        payer = min(payers, key=lambda payer: (self.served[payer], held.get(payer, 0)))
        return self.waiting[payer][0] if held.get(payer, 0) < most else None

    def any_may_start(self, held: Mapping[str, int]) -> bool:
        """Whether somebody waits who has not as many slots as the policy allows."""
        return bool(self._may_start(held))

    def _may_start(self, held: Mapping[str, int]) -> list[str]:
        return [payer for payer, queue in self.waiting.items() if held.get(payer, 0) < queue[0].most_running]

    def remove(self, sequence: Sequence) -> None:
        """It starts, or does not want to wait any more."""
        payer = sequence.fair_key
        self.waiting[payer].remove(sequence)
        if not self.waiting[payer]:
            del self.waiting[payer]
            self._last_left = self.served[payer]

    def charge_prompt(self, sequence: Sequence, tokens: int) -> None:
        self.served[sequence.fair_key] += INPUT_WEIGHT * tokens / sequence.weight

    def charge_answer(self, sequence: Sequence, tokens: int) -> None:
        self.served[sequence.fair_key] += OUTPUT_WEIGHT * tokens / sequence.weight

    def prune(self, running: Container[str]) -> None:
        """Forget absent payers whom a lift would put there anyway; `running` payers are kept."""
        if len(self.served) > PRUNE_ABOVE:
            floor = min((self.served[payer] for payer in self.waiting), default=self._last_left)
            self.served = {
                payer: served
                for payer, served in self.served.items()
                if payer in self.waiting or payer in running or served > floor
            }


class Forecast:
    """A copy of a queue that is emptied in thought, to tell people their place."""

    def __init__(self, queue: FairQueue, expected_tokens: float) -> None:
        self._waiting = {payer: iter(waiting) for payer, waiting in queue.waiting.items()}
        self._heads = [(queue.served[payer], place, payer) for place, payer in enumerate(queue.waiting)]
        heapify(self._heads)
        self._next = {payer: next(waiting) for payer, waiting in self._waiting.items()}
        self._expected = expected_tokens

    def __bool__(self) -> bool:
        return bool(self._heads)

    def pop(self) -> Sequence:
        """The one that will probably be next, charged for its prompt and an answer as expected."""
        served, place, payer = self._heads[0]
        sequence = self._next[payer]
        following = next(self._waiting[payer], None)
        if following is None:
            heappop(self._heads)
        else:
            cost = INPUT_WEIGHT * sequence.prompt_tokens + OUTPUT_WEIGHT * self._expected
            heapreplace(self._heads, (served + cost / sequence.weight, place, payer))
            self._next[payer] = following
        return sequence
