"""Connections under way: asked of the broker, joined when it got through, failed when it did not.

A caller that waits gets the true result. One that does not want to wait gets it too if it comes
within a moment; else it is told EINPROGRESS and its socket stays as one to a slow host does.
"""

import contextlib
import errno
import os
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from appliance.clock import Clock
from appliance.egress import pairs
from appliance.egress.address import Address
from appliance.egress.notify import Call
from appliance.protocol.egress import Bridge, Destination, Dial, Dialled, EgressEvent, Held, Settled
from appliance.protocol.framing import Decoder, encode

READ_BYTES = 65536
MOST = 256
DIAL_S = 12.0  # the broker gives up earlier
QUICK_S = 0.05  # how long a caller that does not want to wait is kept nevertheless

Say = Callable[[EgressEvent | Held | Settled], None]
Answer = Callable[[int, int], None]
"""(call id, errno or 0)"""


@dataclass(slots=True)
class _Dialling:
    """One connect() under way. `call` is None once it was answered with EINPROGRESS."""

    call: int | None
    pid: int
    sock: socket.socket
    destination: Destination
    address: Address
    gives_up: float
    hurries: float
    pending: pairs.Pending | None = None

    def event(self, kind: Literal["grant", "fail"], reason: str = "") -> EgressEvent:
        return EgressEvent(
            kind=kind,
            address=self.address.text,
            destination=self.destination.name,
            pid=self.pid,
            reason=reason,
        )


class Dials:
    """Owned by the gate's loop. `say` reaches the supervisor, `answer` the caller."""

    def __init__(self, selector: selectors.BaseSelector, clock: Clock, say: Say, answer: Answer) -> None:
        self._selector = selector
        self._clock = clock
        self._say = say
        self._answer = answer
        self._broker: socket.socket | None = None
        self._replies: Decoder[Dialled] = Decoder(Dialled)
        self._dialling: dict[int, _Dialling] = {}
        self._last = 0

    @property
    def full(self) -> bool:
        return len(self._dialling) >= MOST

    def use(self, broker: socket.socket) -> None:
        """A new broker: it is asked again for what the last one did not answer."""
        self._forget_broker()
        self._broker, self._replies = broker, Decoder(Dialled)
        self._selector.register(broker, selectors.EVENT_READ, self._on_reply)
        for number, dialling in self._dialling.items():
            self._send(Dial(number, dialling.destination.name))

    def begin(self, call: Call, sock: socket.socket, destination: Destination, address: Address) -> None:
        """Connect this socket, which its owner calls connect() on. The call is answered later."""
        now = self._clock.monotonic()
        hurries = now + (QUICK_S if pairs.is_non_blocking(sock) else DIAL_S)
        self._last += 1
        self._dialling[self._last] = _Dialling(
            call.id, call.pid, sock, destination, address, now + DIAL_S, hurries
        )
        self._say(Held(call.id))
        self._send(Dial(self._last, destination.name))

    def on_time(self) -> None:
        now = self._clock.monotonic()
        for number, dialling in list(self._dialling.items()):
            if now >= dialling.gives_up:
                self._fail(number, errno.ETIMEDOUT)
            elif now >= dialling.hurries and dialling.pending is None:
                self._postpone(number, dialling)

    def next_time(self) -> float:
        """When there is something to do (monotonic seconds)."""
        times = (one.hurries if one.pending is None else one.gives_up for one in self._dialling.values())
        return min(times, default=float("inf"))

    def _on_reply(self) -> None:
        try:
            data = b"" if self._broker is None else self._broker.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            self._forget_broker()  # the supervisor brings the next one
        for reply in self._replies.feed(data):
            dialling = self._dialling.get(reply.id)
            if dialling is not None:
                self._settle(reply, dialling)

    def _settle(self, reply: Dialled, dialling: _Dialling) -> None:
        if reply.error:
            self._fail(reply.id, reply.error)
            return
        try:
            if dialling.pending is not None:
                self._open(reply.id, dialling.pending)
                return
            far = pairs.join(dialling.sock)
        except OSError as error:
            self._fail(reply.id, error.errno or errno.ECONNABORTED)
            return
        self._tell(dialling, 0)
        self._bridge(reply.id, far)

    def _postpone(self, number: int, dialling: _Dialling) -> None:
        """The caller is told that its connection is under way, and waits for it as it likes."""
        try:
            dialling.pending = pairs.Pending(dialling.sock)
        except OSError as error:
            self._fail(number, error.errno or errno.ECONNABORTED)
            return
        self._tell(dialling, errno.EINPROGRESS)

    def _open(self, number: int, pending: pairs.Pending) -> None:
        def knocked() -> None:
            try:
                far = pending.accept()
            except OSError as error:  # it knocked and went away
                self._fail(number, error.errno or errno.ECONNABORTED)
                return
            self._bridge(number, far)

        pending.open()
        self._selector.register(pending.door, selectors.EVENT_READ, knocked)

    def _bridge(self, number: int, far: socket.socket) -> None:
        """From here on the bytes are the broker's business."""
        dialling = self._end(number)
        with far:
            self._send(Bridge(number), far.fileno())
        self._say(dialling.event("grant"))

    def _fail(self, number: int, error: int) -> None:
        dialling = self._end(number)
        self._tell(dialling, error)
        self._say(dialling.event("fail", os.strerror(error)))

    def _end(self, number: int) -> _Dialling:
        """Our copy of the socket goes: the caller must see the end when it closes its own."""
        dialling = self._dialling.pop(number)
        dialling.sock.close()
        if dialling.pending is not None:
            with contextlib.suppress(KeyError):  # not opened yet
                self._selector.unregister(dialling.pending.door)
            dialling.pending.close()
        return dialling

    def _tell(self, dialling: _Dialling, error: int) -> None:
        if dialling.call is not None:
            self._answer(dialling.call, error)
            self._say(Settled(dialling.call))
            dialling.call = None

    def _send(self, message: Dial | Bridge, *descriptors: int) -> None:
        if self._broker is None:
            return  # what waits is asked again when the next broker comes
        try:
            socket.send_fds(self._broker, [encode(message)], descriptors)
        except OSError:
            self._forget_broker()

    def _forget_broker(self) -> None:
        if self._broker is not None:
            self._selector.unregister(self._broker)
            self._broker.close()
            self._broker = None
