"""The revision in force, shared by everybody who decides; replaced whole, never changed."""

from appliance.policy.model import PolicySet


class ActivePolicy:
    """One reference. Reading and replacing it is atomic, so no lock is needed.

    Whoever makes several decisions about one thing reads `current` once and keeps it.
    """

    def __init__(self, policy: PolicySet) -> None:
        self._policy = policy

    @property
    def current(self) -> PolicySet:
        return self._policy

    def replace(self, policy: PolicySet) -> None:
        """From now on every new decision follows `policy`."""
        self._policy = policy
