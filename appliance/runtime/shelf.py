"""KV of conversations that lost their slot, and of shared prefixes: in memory, never on disk.

A byte budget; whatever was used longest ago goes first. What is dropped is unmapped at once,
so the kernel has its pages back and nobody can read them.
"""

from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from appliance.protocol.messages import PUBLIC
from appliance.runtime.cache import belongs, common_prefix, continues
from appliance.runtime.device import KvState

LEAST_OWN = 64  # fewer tokens are read again about as fast as a long prefix is copied with them


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The KV of exactly `tokens`, for nobody but `scope`. `shared`: a prefix for many, not one talk."""

    scope: str
    tokens: list[int]
    state: KvState
    shared: bool = False


class Shelf:
    """Entries in order of their last use. `spent` is what they take, in bytes; never above `budget`."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._entries: list[Kept] = []
        self.spent = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, kept: Kept) -> Kept | None:
        """Keep it while there is room; its state is closed when it goes, or now if it is too large (None).

        A conversation's earlier entry that these tokens go on from is freed.
        """
        if not kept.shared:
            for older in [one for one in self._talks(kept.scope) if continues(kept.tokens, one.tokens)]:
                self.drop(older)
        if kept.state.size > self.budget:
            kept.state.close()
            return None
        while self.spent + kept.state.size > self.budget:
            self.drop(self._entries[0])
        self._entries.append(kept)
        self.spent += kept.state.size
        return kept

    def best(self, scope: str, tokens: Tokens[int]) -> tuple[Kept | None, int]:
        """The entry of this scope that shares most with `tokens`, and how much (one token is left over)."""
        found, most = None, 0
        for entry in self._talks(scope):
            common = min(common_prefix(entry.tokens, tokens), len(tokens) - 1)
            if common > most:
                found, most = entry, common
        return found, most

    def prefix(self, scope: str, tokens: tuple[int, ...]) -> Kept | None:
        """The prefix of exactly these tokens that is shared in this scope."""
        shared = (one for one in self._entries if one.shared and one.scope == scope)
        return next((one for one in shared if tuple(one.tokens) == tokens), None)

    def worth_keeping(self, scope: str, tokens: Tokens[int]) -> bool:
        """Whether a conversation has enough of its own beyond a prefix that is here anyway."""
        shared = [one for one in self._entries if one.shared and one.scope in (scope, PUBLIC)]
        covered = max((common_prefix(one.tokens, tokens) for one in shared), default=0)
        return not covered or len(tokens) - covered >= LEAST_OWN

    def take(self, entry: Kept) -> None:
        """Hand the entry over; its state is the caller's to close or to put back."""
        self._entries.remove(entry)
        self.spent -= entry.state.size

    def drop(self, entry: Kept) -> None:
        """Free it now."""
        self.take(entry)
        entry.state.close()

    def forget(self, scope: str) -> None:
        """Free everything of this scope, or of all that begin with it when it ends in a slash."""
        for entry in [one for one in self._entries if belongs(one.scope, scope)]:
            self.drop(entry)

    def _talks(self, scope: str) -> list[Kept]:
        return [one for one in self._entries if scope and one.scope == scope and not one.shared]
