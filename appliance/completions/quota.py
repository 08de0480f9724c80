"""Requests and tokens of one person in a day and a minute, counted as they are promised.

What is promised to running answers counts at once and is replaced by what they cost, so that no
number of questions asked together gets past a limit by more than the prompts' own length. A day is
a day in Seoul. What was used in the day and in the last minute before this process began comes from
the database, so a restart gives nobody anything.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from appliance.clock import Clock
from appliance.errors import N_, LimitReached
from appliance.policy.limits import Limit

MINUTE_S = 60.0
SEOUL = timezone(timedelta(hours=9))


@dataclass(frozen=True, slots=True)
class Before:
    """What one person used before this process began: in the day, and each answer of the last minute.

    `recent` has (seconds since it was asked, tokens), oldest first.
    """

    requests: int = 0
    tokens: int = 0
    recent: tuple[tuple[float, int], ...] = ()


UsedBefore = Callable[[str, datetime], Before]
"""(user id, beginning of the day)"""


@dataclass(slots=True)
class Account:
    """One person's counts. `promised` are tokens of answers that still run.

    `asked` are the times of the last minute's questions, `recent` times and tokens of its answers.
    """

    day: datetime
    requests: int
    tokens: int
    promised: int = 0
    asked: deque[float] = field(default_factory=deque)
    recent: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of each limit today and this minute; None where there is no limit."""

    requests_today: int | None
    tokens_today: int | None
    tokens_this_minute: int | None


class Quota:
    """Everybody's counts. The caller holds the lock."""

    def __init__(self, clock: Clock, used_before: UsedBefore) -> None:
        self._clock = clock
        self._used_before = used_before
        self._accounts: dict[str, Account] = {}

    def left(self, person: str, limit: Limit) -> Left:
        account = self._account(person)
        minute = sum(tokens for _, tokens in account.recent) + account.promised
        return Left(
            _rest(limit.requests_per_day, account.requests),
            _rest(limit.tokens_per_day, account.tokens + account.promised),
            _rest(limit.tokens_per_minute, minute),
        )

    def asked(self, person: str) -> deque[float]:
        """When this person asked in the last minute, oldest first; who lets one more in adds it."""
        return self._account(person).asked

    def promise(self, person: str, limit: Limit, wanted: int) -> int | LimitReached:
        """How many tokens of an answer are promised, `wanted` at most; or why there is none."""
        left = self.left(person, limit)
        account = self._account(person)
        if left.requests_today == 0 or left.tokens_today == 0:
            seconds = max(1, round((account.day + timedelta(days=1) - self._clock.now()).total_seconds()))
            return LimitReached(
                N_("You have used up today's allowance. There is a new one tomorrow."), retry_after=seconds
            )
        if left.tokens_this_minute == 0:
            seconds = self._until_free(account)
            return LimitReached(
                N_("You used very many tokens in the last minute. Wait %(seconds)d seconds."),
                retry_after=seconds,
                seconds=seconds,
            )
        rests = [rest for rest in (left.tokens_today, left.tokens_this_minute) if rest is not None]
        granted = min([wanted, *rests])
        account.requests += 1
        account.promised += granted
        return granted

    def settle(self, person: str, promised: int, used: int) -> None:
        """An answer ended: what was promised becomes what it cost."""
        account = self._account(person)
        account.promised = max(0, account.promised - promised)
        account.tokens += used
        if used:
            account.recent.append((self._clock.monotonic(), used))

    def _account(self, person: str) -> Account:
        now = self._clock.now().astimezone(SEOUL)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        account = self._accounts.get(person)
        if account is None:
            account = self._accounts[person] = self._opened(person, day)
        elif account.day != day:
            account.day, account.requests, account.tokens = day, 0, 0
        oldest = self._clock.monotonic() - MINUTE_S
        while account.recent and account.recent[0][0] <= oldest:
            account.recent.popleft()
        while account.asked and account.asked[0] <= oldest:
            account.asked.popleft()
        return account

    def _opened(self, person: str, day: datetime) -> Account:
        before, now = self._used_before(person, day), self._clock.monotonic()
        account = Account(day, before.requests, before.tokens)
        account.asked.extend(now - ago for ago, _ in before.recent)
        account.recent.extend((now - ago, tokens) for ago, tokens in before.recent if tokens)
        return account

    def _until_free(self, account: Account) -> int:
        if not account.recent:
            return 5
        return max(1, round(account.recent[0][0] + MINUTE_S - self._clock.monotonic()))


def _rest(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)
