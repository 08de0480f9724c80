"""Wrong passwords cost growing time (NIST SP 800-63B, 3.2.2), whoever they were tried on.

Three counters, each with some free tries and then a wait that doubles:
- an account from one origin: stops guessing at one person;
- an account from all origins it never signed in from: stops guessing from many machines;
- an origin, over all accounts that never signed in from there, each counting at most its free
  tries: stops trying one password on everybody.
An account that has signed in from an origin before is known there and meets only the first,
so an attack on others, or from elsewhere, delays nobody at their usual desk. Names nobody has
are counted like all others. Keys are keyed hashes: the table tells no names.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.identity import store
from appliance.storage.vault import Vault

FREE_FAILURES = 5
FREE_FAILURES_FROM_STRANGERS = 20
FREE_FAILURES_PER_ORIGIN = 50
LONGEST_WAIT_S = 900
LONGEST_WAIT_OF_ORIGIN_S = 60
FORGIVEN_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Counter:
    """One row to look at: its key, the failures that cost nothing, the longest wait in seconds."""

    key: str
    free: int
    longest_s: int


class Lockout:
    """The counters of sign-in. Works in the caller's transaction; holds no state."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def wait(self, session: Session, folded_name: str, origin: str) -> int:
        """Whole seconds until this account may be tried from this origin again; 0 is now."""
        own, *shared = self._counters(session, folded_name, origin)
        return max(self._left(session, counter) for counter in (own, *shared))

    def failed(self, session: Session, folded_name: str, origin: str) -> None:
        """Count a wrong password. Guessing at one account does not lock its origin for others."""
        own, *shared = self._counters(session, folded_name, origin)
        if self._count(session, own) <= own.free:
            for counter in shared:
                self._count(session, counter)
        elif shared:
            self._count(session, shared[0])
        store.forget_failures(session, self._clock.now() - FORGOTTEN_AFTER)

    def succeeded(self, session: Session, folded_name: str, origin: str) -> None:
        """Clear the account's own counter here, and remember that it is known here."""
        own = self._counters(session, folded_name, origin)[0]
        store.put_failures(session, own.key, 0, self._clock.now())
        store.put_failures(session, self._known(folded_name, origin), 0, self._clock.now())

    def _counters(self, session: Session, folded_name: str, origin: str) -> list[Counter]:
        """The account's own counter, then, where it is not known, the account's and the origin's."""
        own = Counter(self._key("here", folded_name, origin), FREE_FAILURES, LONGEST_WAIT_S)
        if session.get(store.FailureRow, self._known(folded_name, origin)) is not None:
            return [own]
        return [
            own,
            Counter(self._key("strangers", folded_name), FREE_FAILURES_FROM_STRANGERS, LONGEST_WAIT_S),
            Counter(self._key("origin", origin), FREE_FAILURES_PER_ORIGIN, LONGEST_WAIT_OF_ORIGIN_S),
        ]

    def _left(self, session: Session, counter: Counter) -> int:
        row = session.get(store.FailureRow, counter.key)
        if row is None or row.count < counter.free:
            return 0
        pause = timedelta(seconds=min(counter.longest_s, 2 ** min(16, row.count - counter.free)))
        return max(0, -((self._clock.now() - row.last_at - pause) // timedelta(seconds=1)))

    def _count(self, session: Session, counter: Counter) -> int:
        now = self._clock.now()
        row = session.get(store.FailureRow, counter.key)
        count = 1 if row is None or now - row.last_at > FORGIVEN_AFTER else row.count + 1
        store.put_failures(session, counter.key, count, now)
        return count

    def _known(self, folded_name: str, origin: str) -> str:
        return self._key("known", folded_name, origin)

    def _key(self, *parts: str) -> str:
        return self._vault.pseudonym("\x00".join(("sign-in", *parts)))
