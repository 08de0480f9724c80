"""Extractors, one process a file: one always waits in its closed jail, so that no file waits for a start.

A file goes to the waiting one, which ends with it, and the next is started. The one that waits is
looked at and attacked like every other process; while it is being asked it is not given away.
"""

import socket
from collections.abc import Callable
from typing import Protocol

from appliance.supervisor.children import Child
from appliance.supervisor.spec import ChildName, Report, RoleName

LIMIT_S = 90.0  # for one file, its jail included
MOST = 4  # at work at the same time, whatever web asks for


class Starts(Protocol):
    """Whoever starts an extractor that does not wait."""

    def start_extractor(self) -> tuple[Child, socket.socket]: ...


class Staff(Protocol):
    """The supervisor, as far as extractors need it."""

    @property
    def stopping(self) -> bool: ...

    def start(self, role: ChildName) -> None: ...
    def attend(self, child: Child) -> None: ...
    def is_asking(self, role: RoleName) -> bool: ...
    def later(self, delay_s: float, act: Callable[[], None]) -> None: ...

    def answer_web(
        self, line: socket.socket, report: Report, /, descriptor: socket.socket | None = None
    ) -> None: ...


class Extractors:
    """Owned by the supervisor's loop. `children`: those that have a file."""

    def __init__(self, staff: Staff, starts: Starts) -> None:
        self._staff = staff
        self._starts = starts
        self._waiting: tuple[Child, socket.socket] | None = None
        self.children: list[Child] = []

    def wait(self, child: Child, sock: socket.socket) -> None:
        """This one is the next."""
        self._waiting = (child, sock)

    def hand_out(self, request: str, line: socket.socket) -> None:
        """One for web, which asked over this line; an answer without one when there are enough."""
        answer = Report(process="extractor", request=request)
        if len(self.children) >= MOST or self._staff.stopping:
            self._staff.answer_web(line, answer)
            return
        child, sock = self._next()
        self.children.append(child)
        given = Report(process="extractor", request=request, attach="extractor")
        self._staff.answer_web(line, given, sock)
        sock.close()
        self._staff.later(LIMIT_S, lambda: self._end(child))

    def on_death(self, child: Child) -> bool:
        """Whether it had a file, so that its end is nobody else's business."""
        if child in self.children:
            self.children.remove(child)
            return True
        if self._waiting is not None and self._waiting[0] is child:
            self._waiting[1].close()
            self._waiting = None
        return False

    def stop(self) -> None:
        """The one that waits goes home; files that are being read are given up."""
        if self._waiting is not None:
            self._waiting[1].close()
            self._waiting = None
        for child in self.children:
            child.process.kill()

    def _next(self) -> tuple[Child, socket.socket]:
        taken = self._waiting
        if taken is None or self._staff.is_asking("extractor"):
            child, sock = self._starts.start_extractor()
            self._staff.attend(child)
            return child, sock
        self._waiting = None
        self._staff.start("extractor")
        return taken

    def _end(self, child: Child) -> None:
        if child in self.children:
            child.process.kill()
