"""What the KV cache of each slot holds, and which slot a request gets. Decides only; the engine acts.

A conversation's KV stays in its slot after the answer and is read again only by the same
cache scope. Generating slots are kept together at the low numbers: llama.cpp runs rows of
neighbouring sequences as one batch and splits at every gap (half the speed at four rows).
"""

from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field


@dataclass(slots=True)
class Slot:
    """`tokens` lie in its KV cache, kept for `scope`; `used` orders idle slots by age."""

    scope: str = ""
    tokens: list[int] = field(default_factory=list)
    busy: bool = False
    used: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request runs: first exchange slots `chosen` and `slot`, then keep `kept` tokens in `slot`.

    `lost` is the conversation that loses its place in `chosen` by that, if one does.
    """

    slot: int
    chosen: int
    kept: int
    lost: Slot | None = None


class KvCache:
    """One Slot per sequence number of the model's context."""

    def __init__(self, slots: int) -> None:
        self.slots = [Slot() for _ in range(slots)]
        self._uses = 0

    def take(self, scope: str, tokens: Tokens[int], elsewhere: int = 0) -> Place:
        """The lowest idle slot, with the longest usable prefix of `tokens` in it. One must be idle.

        A prefix no longer than the one that can be had `elsewhere` is not used. At least one
        token is always left to read: its logits are what the answer starts from.
        """
        idle = [number for number, slot in enumerate(self.slots) if not slot.busy]
        kept, chosen = 0, min(idle, key=lambda number: (bool(self.slots[number].tokens), self._age(number)))
        most = elsewhere
        for number in idle:
            slot = self.slots[number]
            if scope and slot.scope == scope:
                common = min(common_prefix(slot.tokens, tokens), len(tokens) - 1)
                if common > most:
                    most, kept, chosen = common, common, number
        before = self.slots[chosen]
        lost = before if before.scope and not (kept and continues(tokens, before.tokens)) else None
        self.exchange(chosen, idle[0])
        self.slots[idle[0]] = Slot(busy=True)
        return Place(idle[0], chosen, kept, lost)

    def keep(self, number: int, scope: str, tokens: list[int]) -> list[int]:
        """The answer in this slot is done. Returns the slots whose KV must be freed now.

        What the conversation had kept before is freed when these tokens go on from it.
        """
        self._uses += 1
        self.slots[number] = Slot()
        if not scope or not tokens:
            return [number]
        stale = [
            older
            for older, slot in enumerate(self.slots)
            if slot.scope == scope and continues(tokens, slot.tokens)
        ]
        for older in stale:
            self.slots[older] = Slot()
        self.slots[number] = Slot(scope, tokens, used=self._uses)
        return stale

    def forget(self, scope: str) -> list[int]:
        """Drop what idle slots hold for this scope, or for all that begin with it when it ends in
        a slash; returns the slots whose KV must be freed now."""
        numbers = [n for n, slot in enumerate(self.slots) if belongs(slot.scope, scope)]
        for number in numbers:
            self.slots[number] = Slot()
        return numbers

    def gap(self) -> tuple[int, int] | None:
        """The highest busy slot and the lowest idle one below it, or None when there is no gap."""
        busy = [number for number, slot in enumerate(self.slots) if slot.busy]
        if not busy or busy[-1] == len(busy) - 1:
            return None
        return busy[-1], next(number for number, slot in enumerate(self.slots) if not slot.busy)

    def exchange(self, first: int, second: int) -> None:
        """Note that the contents of two slots changed places."""
        self.slots[first], self.slots[second] = self.slots[second], self.slots[first]

    def lose(self, number: int) -> None:
        """What an idle slot held is gone."""
        self.slots[number] = Slot()

    def _age(self, number: int) -> tuple[int, int]:
        return self.slots[number].used, number


def common_prefix(one: Tokens[int], other: Tokens[int]) -> int:
    """How many tokens both begin with."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(index for index in range(length) if one[index] != other[index])


def continues(longer: Tokens[int], shorter: Tokens[int]) -> bool:
    """Whether `longer` begins with all of `shorter`."""
    return longer[: len(shorter)] == shorter


def belongs(scope: str, wanted: str) -> bool:
    """Whether a scope is the wanted one, or begins with it when that ends in a slash."""
    return bool(scope) and (scope == wanted or (wanted.endswith("/") and scope.startswith(wanted)))
