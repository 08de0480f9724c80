"""Denials as evidence without a flood: the first of a sort at once, its repeats counted, minute by minute."""

from appliance.protocol.egress import EgressEvent

PERIOD_S = 60.0
DIFFERENT = 32
OTHERS = "others"


class Tally:
    """What was denied in this minute. An attacker who tries every address fills one line, not the disk."""

    def __init__(self) -> None:
        self._repeats: dict[tuple[str, str], EgressEvent] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, event: EgressEvent) -> EgressEvent | None:
        """The event, if it is to be recorded now; else it is counted."""
        key = (event.call, event.address)
        if key in self._counts:
            self._counts[key] += 1
            return None
        if len(self._counts) < DIFFERENT:
            self._repeats[key], self._counts[key] = event, 0
            return event
        key = (event.call, OTHERS)
        self._repeats.setdefault(
            key, EgressEvent(kind="deny", call=event.call, address=OTHERS, pid=event.pid)
        )
        self._counts[key] = self._counts.get(key, 0) + 1
        return None

    def flush(self) -> list[EgressEvent]:
        """The counts since the last time; a new minute begins."""
        events = [
            EgressEvent(
                kind="deny",
                call=event.call,
                address=event.address,
                pid=event.pid,
                count=self._counts[key],
                reason=event.reason,
            )
            for key, event in self._repeats.items()
            if self._counts[key]
        ]
        self._repeats.clear()
        self._counts.clear()
        return events
