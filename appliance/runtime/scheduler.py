"""Who runs next, and on what: decides only, never touches the model. Pure: no clock, no I/O, no chance.

Between payers of one class the least served goes first (fairness.py). Interactive requests
go before batch ones, but every BATCH_TURN-th start is batch's own, so nobody starves. Beyond
a few slots there are some more in reserve, only for who holds none yet: whoever fills all the
others never makes a newcomer wait.
"""

import math
from collections import Counter
from dataclasses import dataclass

from appliance.runtime.fairness import FairQueue, Forecast
from appliance.runtime.sequence import Phase, Sequence

BATCH_TURN = 8
RESERVED_SHARE = 8  # for every so many slots there is one more in reserve,
FEWEST_TO_RESERVE = 4  # where there are so many
LEAST_PIECE = 48  # tokens; fewer take nearly as long, unless they end a prompt
MOST_SEQUENCES = 256  # as llama.cpp is built
MANY_TIMES = 3  # whoever holds so many times the slots of somebody else reads prompts
GREEDY_SHARE = 4  # with one part in so many of the budget meanwhile


def reserve(slots: int) -> int:
    """How many sequences there are beyond the slots, for newcomers."""
    wanted = math.ceil(slots / RESERVED_SHARE) if slots >= FEWEST_TO_RESERVE else 0
    return max(0, min(wanted, MOST_SEQUENCES - slots))


class QueueFull(Exception):
    """Nobody else may wait."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step's work: rows to generate, sorted by slot, and prompt chunks to read."""

    decode: list[Sequence]
    prefill: list[tuple[Sequence, int]]


class Scheduler:
    """`waiting` and `running` never share a sequence, both in order of coming.

    At most `slots` run, and with the newcomers in reserve at most `sequences`.
    """

    def __init__(self, slots: int, queue_limit: int) -> None:
        self.slots = slots
        self.queue_limit = queue_limit
        self.sequences = slots + reserve(slots)
        self.running: dict[str, Sequence] = {}
        self.waiting: dict[str, Sequence] = {}
        self._interactive = FairQueue()
        self._batch = FairQueue()
        self._starts = 0

    def add(self, sequence: Sequence) -> None:
        """Let it wait. Raises QueueFull when `queue_limit` others wait for more than a free slot."""
        if len(self.waiting) >= self.queue_limit + max(0, self.slots - len(self.running)):
            raise QueueFull
        self._queue(sequence).add(sequence)
        self.waiting[sequence.id] = sequence

    def next_to_start(self) -> Sequence | None:
        """Who should get the next free slot; None when there is none free or nobody may have it."""
        if len(self.running) >= self.sequences:
            return None
        most = self.slots if len(self.running) < self.slots else 1
        held = Counter(sequence.fair_key for sequence in self.running.values())
        if self._is_batch_turn(self._starts):
            return self._batch.first(held, most) or self._interactive.first(held, most)
        queue = self._interactive if self._interactive.any_may_start(held) else self._batch
        return queue.first(held, most)

    def start(self, sequence: Sequence, slot: int, cached: int) -> None:
        """Give it the slot; `cached` of its prompt tokens need not be read. Its payer is charged."""
        del self.waiting[sequence.id]
        self._queue(sequence).remove(sequence)
        sequence.slot, sequence.stored, sequence.cached = slot, cached, cached
        sequence.phase = Phase.PREFILL
        self.running[sequence.id] = sequence
        self._queue(sequence).charge_prompt(sequence, sequence.prompt_tokens - cached)
        self._starts += 1

    def spared(self, sequence: Sequence, tokens: int) -> None:
        """So many of its prompt tokens need not be read after all."""
        self._queue(sequence).charge_prompt(sequence, -tokens)

    def plan(self, prefill_budget: int) -> Step:
        """The next step: every generating row, and at most `prefill_budget` prompt tokens.

        The oldest prompt gets all it needs if that ends it, else at least half of the budget; the
        shortest ones share the rest: a short question does not wait behind a long document, and the
        document does move on. Nobody gets a piece so small that it would be read slowly.
        While all prompts are those of payers with many slots, and somebody with few is being
        answered, only a part of the budget is spent: the next tokens come sooner for them.
        """
        held = Counter(one.fair_key for one in self.running.values())
        decode = [one for one in self.running.values() if one.phase is Phase.DECODE]
        reading = [one for one in self.running.values() if one.phase is Phase.PREFILL and not one.held]
        fewest = min((held[one.fair_key] for one in decode), default=len(self.running))
        if fewest and all(held[one.fair_key] >= MANY_TIMES * fewest for one in reading):
            prefill_budget = max(1, prefill_budget // GREEDY_SHARE)
        prefill: list[tuple[Sequence, int]] = []
        oldest = reading[0].prompt_left if reading else 0
        spare = prefill_budget - (oldest if oldest <= prefill_budget else math.ceil(prefill_budget / 2))
        for one in sorted(reading[1:], key=lambda one: (held[one.fair_key], one.prompt_left)):
            if one.prompt_left <= spare or spare >= LEAST_PIECE:
                prefill.append((one, min(one.prompt_left, spare)))
                spare -= prefill[-1][1]
        if reading:
            share = max(1, prefill_budget - sum(count for _, count in prefill))
            prefill.insert(0, (reading[0], min(oldest, share)))
        return Step(sorted(decode, key=lambda one: one.slot), prefill)

    def generated(self, sequence: Sequence) -> None:
        """One token of its answer was made."""
        self._queue(sequence).charge_answer(sequence, 1)

    def remove(self, sequence: Sequence) -> None:
        """It ended, waiting or running; its slot is free from now on."""
        queue = self._queue(sequence)
        if self.waiting.pop(sequence.id, None) is not None:
            queue.remove(sequence)
        self.running.pop(sequence.id, None)
        sequence.phase = Phase.ENDED
        queue.prune({one.fair_key for one in self.running.values()})

    def order(self, expected_tokens: float) -> list[Sequence]:
        """The waiting in the order they will probably start, if answers have `expected_tokens`."""
        interactive = Forecast(self._interactive, expected_tokens)
        batch = Forecast(self._batch, expected_tokens)
        order: list[Sequence] = []
        while interactive or batch:
            batch_first = self._is_batch_turn(self._starts + len(order))
            order.append((batch if batch and (batch_first or not interactive) else interactive).pop())
        return order

    @staticmethod
    def _is_batch_turn(starts: int) -> bool:
        return starts % BATCH_TURN == BATCH_TURN - 1

    def _queue(self, sequence: Sequence) -> FairQueue:
        return self._batch if sequence.batch else self._interactive
