"""The supervisor's side of a launcher: orders out, answers in, one at a time and at once."""

import signal
import socket
from contextlib import suppress
from typing import Any

import msgspec

from appliance.egress.attacks.targets import Targets
from appliance.egress.facts import Facts
from appliance.egress.probe import Row
from appliance.errors import N_, ConfigError, NaesilError, Unavailable
from appliance.supervisor.orders import (
    MAX_PACKET_BYTES,
    Answer,
    CloseDoor,
    Failed,
    Look,
    OpenDoor,
    Order,
    Reap,
    Seen,
    Signal,
    Start,
    Try,
    encode_order,
)
from appliance.supervisor.spec import ChildSpec


class Gone(Unavailable):
    """There is no launcher any more, nor anything that it started."""


class Launching:
    """Owned by the supervisor's loop. Raises ConfigError when the launcher refuses, Gone when it is."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def start(self, spec: ChildSpec, output: int) -> "Launched":
        """A child, from our numbers of its descriptors; our copies stay open."""
        descriptors = (output, *spec.descriptors())
        answer, _ = self._ask(Start(spec), *descriptors)
        return Launched(self, answer.number or 0)

    def signal(self, pid: int, number: int) -> None:
        self._ask(Signal(pid, number))

    def reap(self, pid: int, *, wait: bool) -> int | None:
        """The exit status, negative for a signal's number; None while it lives."""
        answer, _ = self._ask(Reap(pid, wait))
        return answer.number

    def look(self, pid: int) -> Facts | None:
        """A child as the kernel shows it to its parent; None when it is gone."""
        with suppress(ConfigError, Gone):
            return self._seen(pid).facts
        return None

    def itself(self) -> tuple[Facts, str]:
        """The launcher's own facts and its guard's report."""
        seen = self._seen(0)
        return seen.facts, seen.guard

    def open_door(self) -> tuple[int, socket.socket]:
        """(port where a misuse would be heard, the door)."""
        answer, gifts = self._ask(OpenDoor())
        return answer.number or 0, gifts[0]

    def close_door(self) -> str:
        answer, _ = self._ask(CloseDoor())
        return answer.heard

    def attack(self, techniques: tuple[str, ...], targets: Targets) -> tuple[Row, ...]:
        """What came of each technique in a copy of the launcher; its message ends with the technique."""
        answer, _ = self._ask(Try(techniques, targets))
        return answer.rows

    def close(self) -> None:
        """In a process that is not the supervisor."""
        self._line.close()

    def fail(self, error: NaesilError) -> None:
        """The last word."""
        params = {name: str(value) for name, value in error.params.items()}
        passing = isinstance(error, Unavailable)
        self._line.send(encode_order(Failed(error.template, params, passing)))

    def _seen(self, pid: int) -> Seen:
        answer, _ = self._ask(Look(pid))
        if answer.seen is None:
            raise gone()
        return answer.seen

    def _ask(self, order: Order, *descriptors: int) -> tuple[Answer, list[socket.socket]]:
        try:
            socket.send_fds(self._line, [encode_order(order)], descriptors)
            packet, numbers, _, _ = socket.recv_fds(self._line, MAX_PACKET_BYTES, 1)
        except OSError:
            raise gone() from None
        if not packet:
            raise gone()
        answer = msgspec.json.decode(packet, type=Answer)
        if answer.error:
            params: dict[str, Any] = dict(answer.params)
            raise ConfigError(answer.error, **params)
        return answer, [socket.socket(fileno=number) for number in numbers]


class Launched:
    """A child of a launcher, as its supervisor handles it."""

    def __init__(self, launching: Launching, pid: int) -> None:
        self._launching = launching
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._reap(wait=False)

    def wait(self) -> int | None:
        return self._reap(wait=True)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(Gone):
                self._launching.signal(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def look(self) -> Facts | None:
        return self._launching.look(self.pid)

    def _reap(self, *, wait: bool) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self._launching.reap(self.pid, wait=wait)
            except Gone:
                self.returncode = -signal.SIGKILL  # children die with their launcher
        return self.returncode


def gone() -> Gone:
    """The error for a launcher or keeper that ended."""
    return Gone(N_("The launcher of the product's processes is gone. Start the product again."))
