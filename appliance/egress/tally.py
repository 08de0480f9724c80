"""Denials and failures as evidence without a flood: the first at once, its repeats summed by the minute."""

from msgspec.structs import replace

from appliance.protocol.egress import EgressEvent

PERIOD_S = 60.0
DIFFERENT = 32
OTHERS = "others"

_Sort = tuple[str, str, str, str]


class Tally:
    """What repeats itself. An attacker who tries every address, and a database that is away, fill a
    line a minute and not the disk.

    `different`: so many sorts are told apart at a time, beyond them one line for each call sums the
    rest. What other threads repeat is summed apart, under thread 0: a self-attack's own denials are
    known by their thread, and nobody else's may pass for them. A destination that fails is one sort,
    whoever called it.
    """

    def __init__(self, different: int = DIFFERENT) -> None:
        self._different = different
        self._sorts: dict[_Sort, EgressEvent] = {}
        self._repeats: dict[tuple[_Sort, int], EgressEvent] = {}

    def add(self, event: EgressEvent) -> EgressEvent | None:
        """The event, if it is to be recorded now; else it is counted."""
        sort = (event.call, event.address, event.destination, event.reason)
        known = self._sorts.get(sort)
        if known is None and len(self._sorts) < self._different:
            self._sorts[sort] = event
            return event
        if known is None:
            sort = (event.call, OTHERS, "", "")
            event = replace(event, address=OTHERS, destination="", reason="")
            told = any(one.pid == event.pid for one in self._sorts.values())
        else:
            told = known.pid == event.pid
        self._count(sort, replace(event, pid=event.pid if told and event.kind == "deny" else 0))
        return None

    def _count(self, sort: _Sort, event: EgressEvent) -> None:
        key = sort, event.pid
        before = self._repeats[key].count if key in self._repeats else 0
        self._repeats[key] = replace(event, count=before + event.count)

    def flush(self) -> list[EgressEvent]:
        """The counts since the last time. What did not come again is new, and told at once, when it comes."""
        events, repeated = list(self._repeats.values()), {sort for sort, _ in self._repeats}
        self._sorts = {sort: event for sort, event in self._sorts.items() if sort in repeated}
        self._repeats.clear()
        return events

    def forget(self) -> None:
        """Everything is new from now on; for after a flush, as what is not told yet goes too."""
        self._sorts.clear()
        self._repeats.clear()
