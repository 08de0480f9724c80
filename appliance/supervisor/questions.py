"""Questions that are under way between the supervisor and its children, and who waits for the answers."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import msgspec

from appliance.protocol.framing import NONSENSE
from appliance.supervisor.spec import Report, RoleName

OnAnswer = Callable[[msgspec.Raw | None], None]
"""Gets the answer's JSON, or None when the process ended or the time was up."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    role: RoleName
    due: float
    on_answer: OnAnswer


class Questions:
    """Owned by the supervisor's loop. Every question is answered exactly once."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: dict[str, _Waiting] = {}

    def new(self, role: RoleName, due: float, on_answer: OnAnswer) -> str:
        """The number under which `role` will answer, until the monotonic time `due`."""
        request = str(next(self._numbers))
        self._waiting[request] = _Waiting(role, due, on_answer)
        return request

    def on_report(self, role: RoleName, report: Report) -> None:
        """Take an answer. Only the process that was asked can give it, and only once."""
        waiting = self._waiting.get(report.request)
        if waiting is not None and waiting.role == role and not report.ask:
            del self._waiting[report.request]
            waiting.on_answer(report.body)

    def on_death(self, role: RoleName) -> None:
        self._give_up(lambda waiting: waiting.role == role)

    def on_time(self, now: float) -> None:
        self._give_up(lambda waiting: waiting.due <= now)

    def waits_for(self, role: RoleName) -> bool:
        return any(waiting.role == role for waiting in self._waiting.values())

    def next_due(self) -> float | None:
        return min((waiting.due for waiting in self._waiting.values()), default=None)

    def _give_up(self, which: Callable[[_Waiting], bool]) -> None:
        lost = [request for request, waiting in self._waiting.items() if which(waiting)]
        for waiting in [self._waiting.pop(request) for request in lost]:
            waiting.on_answer(None)


def text_of(answer: msgspec.Raw | None) -> str | None:
    """An answer that is a text; None for none and for anything else a taken-over process may say."""
    try:
        return None if answer is None else msgspec.json.decode(answer, type=str)
    except NONSENSE:
        return None
