"""What the supervisor has to say to web, kept while web does not listen; nobody waits for it."""

import os
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.supervisor.spec import Report, encode_report

MOST_WAITING = 10_000


@dataclass(slots=True)
class _Waiting:
    report: Report
    data: bytes
    descriptor: int | None
    begun: bool = False


class Outbox:
    """Owned by the supervisor's loop, which calls `flush` when the line takes more.

    `on_full` is called when web did not listen for so long that it is to be given up.
    """

    def __init__(self, line: socket.socket, on_full: Callable[[], None]) -> None:
        self.line = line
        line.setblocking(False)
        self._on_full = on_full
        self._waiting: deque[_Waiting] = deque()

    @property
    def pending(self) -> bool:
        return bool(self._waiting)

    def say(self, report: Report, descriptor: socket.socket | None = None) -> None:
        """Send it now, or once what was said before has gone. The descriptor stays the caller's."""
        if len(self._waiting) >= MOST_WAITING:
            self._on_full()
            return
        number = None if descriptor is None else os.dup(descriptor.fileno())
        self._waiting.append(_Waiting(report, encode_report(report), number))
        self.flush()

    def flush(self) -> None:
        """As much as the line takes. Its end is somebody else's business."""
        while self._waiting:
            first = self._waiting[0]
            gifts = [] if first.descriptor is None or first.begun else [first.descriptor]
            try:
                sent = socket.send_fds(self.line, [first.data], gifts)
            except OSError:  # it is full, or web just ended
                return
            first.begun = True
            first.data = first.data[sent:]
            if not first.data:
                self._drop(self._waiting.popleft())

    def close(self) -> list[Report]:
        """The line ends; events that web never read, for its successor to record."""
        unread = [one.report for one in self._waiting if one.report.event is not None and not one.begun]
        while self._waiting:
            self._drop(self._waiting.popleft())
        self.line.close()
        return unread

    @staticmethod
    def _drop(one: _Waiting) -> None:
        if one.descriptor is not None:
            os.close(one.descriptor)
