"""How much one person may have under way, counted in this process alone: there is one web process.

A count that cannot be kept would be a reason to refuse; memory always can.
"""

from collections import Counter
from dataclasses import dataclass
from threading import Lock

from appliance.clock import Clock
from appliance.completions.quota import MINUTE_S, Left, Quota, UsedBefore
from appliance.completions.values import Ask
from appliance.errors import N_, LimitReached, NaesilError, TooLarge
from appliance.policy.limits import Limit

RETRY_S = 10


@dataclass(frozen=True, slots=True)
class Headroom:
    """Questions a minute, how many of them are left, and seconds until the next one comes free."""

    limit: int
    remaining: int
    reset_s: float


class Allowance:
    """Open answers, questions of the last minute and quotas, by person. `_lock` guards all of them."""

    def __init__(self, clock: Clock, used_before: UsedBefore) -> None:
        self._clock = clock
        self._lock = Lock()
        self._open: Counter[str] = Counter()
        self._quota = Quota(clock, used_before)
        self._promised: dict[str, int] = {}  # by request id

    def take(self, ask: Ask, limit: Limit, answer_id: str = "") -> int | NaesilError:
        """Count one more question in and say how long its answer may be in tokens; or why there is none.

        What was taken must be given back once, under the same `answer_id`.
        """
        if len(ask.turns[-1].content[ask.enclosed :].encode()) > limit.message_bytes:
            return TooLarge(
                N_("A message has at most %(limit)d bytes here. Shorten it."),
                field="messages",
                limit=limit.message_bytes,
            )
        person, now = ask.principal.user_id, self._clock.monotonic()
        with self._lock:
            asked = self._quota.asked(person)
            if len(asked) >= limit.requests_per_minute:
                seconds = max(1, round(asked[0] + MINUTE_S - now))
                return LimitReached(
                    N_("You asked very often in the last minute. Wait %(seconds)d seconds."),
                    retry_after=seconds,
                    seconds=seconds,
                )
            if self._open[person] >= limit.running + limit.waiting:
                return LimitReached(
                    N_("You have as many questions under way as one person may. Wait for one to finish."),
                    retry_after=RETRY_S,
                )
            wanted = min(ask.sampling.max_tokens or limit.max_tokens, limit.max_tokens)
            granted = self._quota.promise(person, limit, wanted)
            if isinstance(granted, NaesilError):
                return granted
            asked.append(now)
            self._open[person] += 1
            self._promised[answer_id] = granted
        return granted

    def left(self, person: str, limit: Limit) -> Left:
        """What this person may still use today and this minute."""
        with self._lock:
            return self._quota.left(person, limit)

    def headroom(self, person: str, limit: Limit) -> Headroom:
        """What this person may still ask in the current minute."""
        now = self._clock.monotonic()
        with self._lock:
            recent = tuple(self._quota.asked(person))
        reset = max(0.0, recent[0] + MINUTE_S - now) if recent else 0.0
        return Headroom(limit.requests_per_minute, max(0, limit.requests_per_minute - len(recent)), reset)

    def give_back(self, ask: Ask, answer_id: str = "", used: int = 0) -> None:
        """The answer ended after `used` tokens, or was never begun."""
        person = ask.principal.user_id
        with self._lock:
            self._quota.settle(person, self._promised.pop(answer_id, 0), used)
            self._open[person] -= 1
            if self._open[person] <= 0:
                del self._open[person]
