"""The revision in force, shared by everybody who decides; replaced whole, never changed."""

from dataclasses import dataclass
from datetime import datetime

from appliance.policy.model import PolicySet


@dataclass(frozen=True, slots=True)
class Trial:
    """A draft that is tried out: it decides nothing, but what it would decide is recorded.

    `policy` is None for a draft that a newer look finds mistakes in.
    """

    key: tuple[str, datetime]
    policy: PolicySet | None


class ActivePolicy:
    """One reference each. Reading and replacing them is atomic, so no lock is needed.

    Whoever makes several decisions about one thing reads `current` once and keeps it.
    """

    def __init__(self, policy: PolicySet) -> None:
        self._policy = policy
        self.trial: Trial | None = None

    @property
    def current(self) -> PolicySet:
        return self._policy

    def replace(self, policy: PolicySet) -> None:
        """From now on every new decision follows `policy`."""
        self._policy = policy

    def try_out(self, key: tuple[str, datetime], policy: PolicySet | None) -> None:
        """From now on record what this draft would decide otherwise."""
        self.trial = Trial(key, policy)
