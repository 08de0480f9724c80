"""Word to the service manager (systemd's sd_notify protocol): ready, stopping, alive while web answers.

One datagram socket, connected before the jail closes: afterwards nothing else can be reached with it, and
what is said is these few lines. https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Protocol

import msgspec

from appliance.supervisor.questions import OnAnswer

MICROSECONDS = 1_000_000
ALIVE = msgspec.Raw(b"true")
NOTHING = msgspec.Raw(b"null")


class ServiceManager:
    """Who started us and wants to be told; nobody, where no address was given or none answers there."""

    def __init__(self, address: str) -> None:
        self._line: socket.socket | None = None
        if not address:
            return
        line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        line.setblocking(False)
        try:
            line.connect("\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            line.close()
        else:
            self._line = line

    def tell(self, *words: str) -> None:
        """One datagram. A manager that does not read misses it; that is its own affair."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.send("\n".join(words).encode())


class Staff(Protocol):
    """What the supervisor does for the heart."""

    def later(self, delay_s: float, act: Callable[[], None]) -> None: ...

    def ask_web(self, what: str, body: msgspec.Raw, patience_s: float, on_answer: OnAnswer) -> None: ...


class Heart:
    """Asks web again and again, twice in the time the manager allows, and beats only when it answers."""

    def __init__(self, manager: ServiceManager, watchdog_us: int, staff: Staff) -> None:
        self._manager = manager
        self._period_s = watchdog_us / MICROSECONDS / 4  # half for the wait, half for the answer
        self._staff = staff
        self._beating = False

    def begin(self) -> None:
        """Web serves: at the first start and after each restart of its own."""
        self._manager.tell("READY=1", "STATUS=Serving")
        if self._period_s and not self._beating:
            self._beating = True
            self._ask()

    def end(self) -> None:
        self._manager.tell("STOPPING=1", "STATUS=Finishing answers")

    def _ask(self) -> None:
        self._staff.ask_web("alive", NOTHING, self._period_s, self._on_answer)

    def _on_answer(self, answer: msgspec.Raw | None) -> None:
        if answer == ALIVE:
            self._manager.tell("WATCHDOG=1", "STATUS=Serving")
        else:
            self._manager.tell("STATUS=The web process does not answer")
        self._staff.later(self._period_s, self._ask)
