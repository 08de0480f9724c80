"""Gives running requests their slot and as much ready KV as they may have; puts KV away afterwards.

What a request need not read comes from the best of three places, none of them anybody else's:
its conversation's slot, its conversation's KV on the shelf, or a prefix shared in its scope
(an administrator's public text; a user's own system prompt). Such a prefix is read by the first
who needs it; who else needs it waits in its slot, then gets a copy.
"""

from collections.abc import Iterable

from appliance.runtime.cache import KvCache, Place
from appliance.runtime.device import DecodeFailed, Device
from appliance.runtime.sequence import Sequence
from appliance.runtime.shelf import Kept, Shelf

Prefix = tuple[str, tuple[int, ...]]


class Slots:
    """Owns the KV of one device. Every running sequence got its slot from `give` and returns it once."""

    def __init__(self, device: Device, kv_ram_bytes: int) -> None:
        self._device = device
        self._cache = KvCache(device.sequences)
        self._shelf = Shelf(kv_ram_bytes)
        self._readers: dict[Prefix, Sequence] = {}  # shared prefixes being read, and by whom

    @property
    def kept_bytes(self) -> int:
        """What conversations and prefixes outside the slots take."""
        return self._shelf.spent

    def give(self, sequence: Sequence) -> tuple[int, int]:
        """Its slot, and how many of its tokens are there already."""
        kept, common = self._shelf.best(sequence.cache_scope, sequence.tokens)
        prefix = self._shelf.prefix(*_prefix(sequence)) if sequence.prefix > common else None
        if prefix is not None:
            kept, common = prefix, sequence.prefix
        place = self._cache.take(sequence.cache_scope, sequence.tokens, elsewhere=common)
        if place.kept or kept is None:
            slot, cached = place.slot, self._make_room(place)
        else:
            self._shelf.take(kept)  # making room may push things off the shelf: not this one
            self._make_room(place)
            slot, cached = place.slot, self._load(place.slot, kept, common)
        if cached < sequence.prefix and self._shelf.budget:
            sequence.held = self._readers.setdefault(_prefix(sequence), sequence) is not sequence
            if sequence.held:
                cached = self._device.keep(slot, 0)
        return slot, cached

    def read(self, sequence: Sequence, running: Iterable[Sequence]) -> None:
        """More of its prompt is in its slot: a shared prefix that is complete now goes on the shelf."""
        if sequence.stored != sequence.prefix or self._readers.get(_prefix(sequence)) is not sequence:
            return
        del self._readers[_prefix(sequence)]
        kept = self._put_away(*_prefix(sequence), sequence.slot, shared=True)
        for one in running:
            if kept is None and one.held and _prefix(one) == _prefix(sequence):
                one.held = False  # it does not fit the budget: everybody reads it

    def next_held(self, running: Iterable[Sequence]) -> Sequence | None:
        """One of those who wait for a prefix, with it now. One at a time: copying takes a while."""
        for one in running:
            if one.held and _prefix(one) not in self._readers:
                one.held = False
                prefix = self._shelf.prefix(*_prefix(one))
                if prefix is not None:
                    self._shelf.take(prefix)
                    one.stored = one.cached = self._load(one.slot, prefix, one.prefix)
                    return one
                self._readers[_prefix(one)] = one  # its reader left half-way
        return None

    def take_back(self, sequence: Sequence, scope: str) -> None:
        """Its answer is done or given up: keep its KV for the next turn in `scope`, if it has one."""
        self._free(self._cache.keep(sequence.slot, scope, sequence.tokens[: sequence.stored]))
        if sequence.prefix and self._readers.get(_prefix(sequence)) is sequence:
            del self._readers[_prefix(sequence)]

    def forget(self, scope: str) -> None:
        """Free at once what nobody is using of this scope."""
        self._shelf.forget(scope)
        self._free(self._cache.forget(scope))

    def close_gap(self, running: Iterable[Sequence]) -> Sequence | None:
        """Move the highest running sequence into a gap below it, so that rows stay neighbours.

        Returns the sequence when moving it failed: its KV is gone.
        """
        gap = self._cache.gap()
        if gap is None:
            return None
        high, low = gap
        moved = next(one for one in running if one.slot == high)
        moved.slot = low
        self._cache.exchange(high, low)
        return None if self._exchange(high, low) else moved

    def _make_room(self, place: Place) -> int:
        if place.lost is not None and self._shelf.worth_keeping(place.lost.scope, place.lost.tokens):
            self._put_away(place.lost.scope, place.lost.tokens, place.chosen)
        if not place.kept:
            self._device.keep(place.chosen, 0)  # an empty slot is exchanged in half the time
        if place.chosen != place.slot and not self._exchange(place.chosen, place.slot):
            return 0
        return self._device.keep(place.slot, place.kept)

    def _exchange(self, idle: int, busy: int) -> bool:
        try:
            self._device.exchange(idle, busy)
        except DecodeFailed:
            self._cache.lose(idle)
            return False
        return True

    def _put_away(
        self, scope: str, tokens: tuple[int, ...] | list[int], slot: int, *, shared: bool = False
    ) -> Kept | None:
        state = self._device.save(slot) if self._shelf.budget else None
        return None if state is None else self._shelf.put(Kept(scope, list(tokens), state, shared))

    def _load(self, slot: int, kept: Kept, common: int) -> int:
        """Fill an empty slot with what was taken from the shelf; how many tokens it has then."""
        try:
            self._device.load(slot, kept.state)
        except DecodeFailed:
            common = 0  # it costs reading the prompt, nothing else
        if kept.shared:
            self._shelf.put(kept)
        else:
            kept.state.close()
        return self._device.keep(slot, common)

    def _free(self, slots: list[int]) -> None:
        for slot in slots:
            self._device.keep(slot, 0)


def _prefix(sequence: Sequence) -> Prefix:
    return sequence.prefix_scope, tuple(sequence.tokens[: sequence.prefix])
