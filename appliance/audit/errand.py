"""Long work that a page starts and comes back for: one at a time, with how far it has come."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.errors import N_, Conflict, NaesilError

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class State:
    """`done` of `total` while it runs; afterwards `result`, or the `error` that ended it."""

    running: bool = False
    done: int = 0
    total: int = 0
    result: object | None = None
    error: NaesilError | None = None


class Errand:
    """`_state` belongs to whoever holds `_lock`; the thread is not waited for at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._state = State()

    @property
    def state(self) -> State:
        return self._state

    def start(self, work: Callable[[Progress], object]) -> None:
        """Begin; Conflict while the last one still runs."""
        with self._lock:
            if self._state.running:
                raise Conflict(N_("This is being done already. Wait for it to end."))
            self._state = State(running=True)
        threading.Thread(target=self._run, args=(work,), name=self._name, daemon=True).start()

    def _run(self, work: Callable[[Progress], object]) -> None:
        try:
            ended = State(result=work(self._told))
        except NaesilError as error:
            ended = State(error=error)
        except Exception as error:  # the thread's own edge: said to the person, the rest goes on
            log.error("%s ended on %s", self._name, type(error).__name__)
            ended = State(error=NaesilError(N_("This did not work. Tell your administrator when it was.")))
        with self._lock:
            self._state = ended

    def _told(self, done: int, total: int) -> None:
        with self._lock:
            self._state = replace(self._state, done=done, total=total)
