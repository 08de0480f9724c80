"""The supervisor's side of dialling: it brings gate, broker and web's trapped calls together.

It keeps a copy of web's listener and memory, unused, so that a gate that dies can be replaced
while web's calls wait, and the numbers of those that the gate held in its hands. It joins gate
and broker anew whenever one of them is started.
"""

import contextlib
import logging
import os
import selectors
import socket
from collections.abc import Callable

from appliance.egress import notify
from appliance.protocol.egress import EgressEvent, Flush, Flushed, Held, Line, Settled, Watch
from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.supervisor.spec import RoleName

READ_BYTES = 65536
log = logging.getLogger(__name__)
Said = EgressEvent | Held | Settled | Flushed


class Exchange:
    """Owned by the supervisor's loop. `on_event` gets what gate and broker report."""

    def __init__(self, selector: selectors.BaseSelector, on_event: Callable[[EgressEvent], None]) -> None:
        self._selector = selector
        self._on_event = on_event
        self._lines: dict[RoleName, socket.socket] = {}
        self._watched: tuple[int, int] | None = None
        self.held: set[int] = set()
        self._flushing: list[Callable[[], None]] = []

    def use(self, role: RoleName, line: socket.socket) -> None:
        """A gate or broker was started; `line` leads to it."""
        self._drop(role)
        line.setblocking(False)
        decoder: Decoder[Said] = Decoder(Said)
        self._lines[role] = line
        self._selector.register(line, selectors.EVENT_READ, lambda: self._on_readable(role, line, decoder))
        if role == "gate":
            self._show()
        if len(self._lines) == 2:
            one, other = socket.socketpair()
            with one, other:
                self._tell("gate", encode(Line()), one.fileno())
                self._tell("broker", encode(Line()), other.fileno())

    def watch(self, listener: int, memory: int) -> None:
        """A new web locked itself: these are its trapped calls and its memory.

        Anything else goes no further: the gate may connect, and an accepted connection that a
        taken-over web gave it would lead out of the gate's empty network.
        """
        if not notify.are_trap_and_memory(listener, memory):
            log.warning("web gave something else than its trapped calls and its memory")
            os.close(listener)
            os.close(memory)
            return
        self._let_go()
        self._watched = (listener, memory)
        self.held.clear()
        self._show()

    def flush(self, then: Callable[[], None]) -> None:
        """Have the gate tell what it counted so far, then go on; at once when there is none."""
        if "gate" not in self._lines:
            then()
            return
        self._flushing.append(then)
        self._tell("gate", encode(Flush()))

    def _on_flushed(self) -> None:
        waiting, self._flushing = self._flushing, []
        for then in waiting:
            then()

    def close(self) -> None:
        """Gate and broker go home; what web still tries fails."""
        for role in list(self._lines):
            self._drop(role)
        self._let_go()

    def _show(self) -> None:
        if self._watched is not None:
            self._tell("gate", encode(Watch(tuple(self.held))), *self._watched)

    def _let_go(self) -> None:
        for number in self._watched or ():
            os.close(number)
        self._watched = None

    def _tell(self, role: RoleName, data: bytes, *descriptors: int) -> None:
        if (line := self._lines.get(role)) is not None:
            with contextlib.suppress(OSError):  # it just ended; its successor is told again
                socket.send_fds(line, [data], descriptors)

    def _on_readable(self, role: RoleName, line: socket.socket, decoder: Decoder[Said]) -> None:
        try:
            data = line.recv(READ_BYTES)
            messages = decoder.feed(data)
        except (OSError, FramingError):
            data, messages = b"", []
        for message in messages:
            if isinstance(message, Held):
                self.held.add(message.call)
            elif isinstance(message, Settled):
                self.held.discard(message.call)
            elif isinstance(message, Flushed):
                self._on_flushed()
            else:
                self._on_event(message)
        if not data:
            self._drop(role)

    def _drop(self, role: RoleName) -> None:
        if (line := self._lines.pop(role, None)) is not None:
            self._selector.unregister(line)
            line.close()
            if role == "gate":
                self._on_flushed()
