"""What those who wait hear: their place and when they will probably start; how far their prompt is read."""

import math
from collections.abc import Callable

from appliance.protocol.messages import FromRuntime, Progress, Queued
from appliance.runtime.estimates import starts
from appliance.runtime.scheduler import Scheduler
from appliance.runtime.sequence import Phase, Sequence
from appliance.runtime.speed import Speeds

STATUS_S = 1.0  # how often they hear of it
RETRY_UNKNOWN_S = 5
RETRY_MOST_S = 120


class News:
    """Told at once to who has just come, and to all every STATUS_S. `send` must not block."""

    def __init__(
        self,
        scheduler: Scheduler,
        speeds: Speeds,
        send: Callable[[FromRuntime], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._scheduler = scheduler
        self._speeds = speeds
        self._send = send
        self._monotonic = monotonic
        self._due = 0.0

    def tell(self) -> None:
        """After every step; says something only when there is news."""
        due = self._monotonic() >= self._due
        if due or not all(one.told for one in self._scheduler.waiting.values()):
            order = self._scheduler.order(self._speeds.expected_answer)
            for place, (sequence, eta_s) in enumerate(
                zip(order, self._estimates(order), strict=True), start=1
            ):
                if due or not sequence.told:
                    sequence.told = True
                    self._send(Queued(sequence.id, place, eta_s))
        if due:
            self._due = self._monotonic() + STATUS_S
            for sequence in self._scheduler.running.values():
                if sequence.phase is Phase.PREFILL:
                    self.progress(sequence)

    def progress(self, sequence: Sequence) -> None:
        """How much of its prompt is read."""
        self._send(Progress(sequence.id, sequence.stored, sequence.prompt_tokens, sequence.cached))

    def retry_after_s(self) -> int:
        """Whole seconds after which a place in a full queue is likely free."""
        if not self._speeds.known:
            return RETRY_UNKNOWN_S
        (first,) = starts(self._running_work(), [0.0])
        return min(RETRY_MOST_S, max(1, math.ceil(first)))

    def _estimates(self, order: list[Sequence]) -> list[float] | list[None]:
        if not self._speeds.known:
            return [None] * len(order)
        fresh = self._speeds.fresh_share
        work = [self._speeds.work_left(fresh * one.prompt_tokens, 0, one.limit) for one in order]
        return starts(self._running_work(), work)

    def _running_work(self) -> list[float]:
        running = self._scheduler.running.values()
        return [self._speeds.work_left(max(0, one.prompt_left), one.generated, one.limit) for one in running]
