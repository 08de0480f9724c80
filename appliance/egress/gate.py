"""The gate: answers web's trapped calls. It sees addresses and cannot dial; the broker dials and sees none.

socket() for TCP is answered with a socket of the gate's own empty namespace, when there is any
destination at all. connect() to a named destination waits for the broker to dial it, then that
socket is joined with one that goes to the broker. Everything else fails with EPERM and is
evidence: thread, call, real address. Without a gate the calls wait for the next one; without the
supervisor they fail (ENOSYS), because nobody holds the listener any more.
"""

import contextlib
import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.clock import Clock
from appliance.egress import pairs
from appliance.egress.address import AF_INET, AF_INET6, LONGEST, Address, parse, socket_kind
from appliance.egress.notify import Call, Trap
from appliance.egress.tally import PERIOD_S, Tally
from appliance.protocol.egress import (
    Bridge,
    Destination,
    Dial,
    Dialled,
    EgressEvent,
    Held,
    Line,
    Settled,
    Watch,
)
from appliance.protocol.framing import Decoder, encode

READ_BYTES = 65536
MOST_DESCRIPTORS = 16
WAITING_SOCKETS = 64  # made and not yet connected; the oldest is forgotten
WAITING_DIALS = 256
DIAL_S = 12.0  # the broker gives up earlier
QUICK_S = 0.05  # how long a caller that does not want to wait is kept nevertheless
SOCKET_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # SOCK_NONBLOCK and SOCK_CLOEXEC are the same bits

# Where the address and its length stand among a call's arguments.
_ADDRESS_AT = {"connect": (1, 2), "bind": (1, 2), "sendto": (4, 5)}


@dataclass(slots=True)
class _Dialling:
    """One connect() under way. `call` is None once it was answered with EINPROGRESS."""

    call: Call | None
    pid: int
    sock: socket.socket
    destination: Destination
    address: Address
    gives_up: float
    hurries: float
    pending: pairs.Pending | None = None


class Gate:
    """One thread, one loop. `supervisor` brings the trap and the broker's line, and takes events."""

    def __init__(
        self, supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock
    ) -> None:
        self._supervisor = supervisor
        self._orders: Decoder[Watch | Line] = Decoder(Watch | Line)
        self._gifts: deque[int] = deque()
        self._named = {(ip, one.port): one for one in reversed(destinations) for ip in one.addresses}
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._trap: Trap | None = None
        self._broker: socket.socket | None = None
        self._replies: Decoder[Dialled] = Decoder(Dialled)
        self._sockets: dict[int, socket.socket] = {}  # by their number over there, oldest first
        self._dialling: dict[int, _Dialling] = {}
        self._last_id = 0
        self._tally = Tally()
        self._minute = clock.monotonic() + PERIOD_S

    def run(self) -> None:
        """Until the supervisor goes away."""
        self._listen(self._supervisor, self._on_order)
        while self._supervisor.fileno() >= 0:
            for key, _ in self._selector.select(self._timeout()):
                if self._selector.get_map().get(key.fd) == key:  # an earlier one may have closed it
                    key.data()
            self._on_time()

    def _on_order(self) -> None:
        data, gifts, _, _ = socket.recv_fds(self._supervisor, READ_BYTES, MOST_DESCRIPTORS)
        if not data:
            self._selector.unregister(self._supervisor)
            self._supervisor.close()
            return
        self._gifts.extend(gifts)
        for order in self._orders.feed(data):
            if isinstance(order, Watch):
                self._watch(Trap(self._gifts.popleft(), self._gifts.popleft()), order.held)
            else:
                self._use(socket.socket(fileno=self._gifts.popleft()))

    def _watch(self, trap: Trap, held: tuple[int, ...]) -> None:
        """A new web, whose predecessor is of no interest any more; or the same, and a gate before us."""
        self._drop_trap()
        self._trap = trap
        for number in held:
            trap.answer(number, errno.ECONNABORTED)
            self._say(Settled(number))
        self._selector.register(trap.listener, selectors.EVENT_READ, self._on_call)

    def _drop_trap(self) -> None:
        if self._trap is not None:
            self._selector.unregister(self._trap.listener)
            self._trap.close()
            self._trap = None
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def _use(self, broker: socket.socket) -> None:
        """A new broker: it is asked again for what the last one did not answer."""
        if self._broker is not None:
            self._forget_broker()
        self._broker, self._replies = broker, Decoder(Dialled)
        self._listen(broker, self._on_reply)
        for number, dialling in self._dialling.items():
            self._send(Dial(number, dialling.destination.name))

    def _forget_broker(self) -> None:
        if self._broker is not None:
            self._selector.unregister(self._broker)
            self._broker.close()
            self._broker = None

    def _on_call(self) -> None:
        if self._trap is None:
            return
        try:
            call = self._trap.receive()
        except EOFError:
            self._drop_trap()
            return
        if call is None:
            return
        if call.name == "socket":
            self._on_socket(self._trap, call)
        elif call.name == "connect":
            self._on_connect(self._trap, call)
        else:
            self._deny(self._trap, call, self._address(self._trap, call).text)

    def _on_socket(self, trap: Trap, call: Call) -> None:
        family, kind, protocol = (argument & 0xFFFFFFFF for argument in call.arguments[:3])
        is_tcp = kind & ~SOCKET_FLAGS == socket.SOCK_STREAM and protocol in (0, socket.IPPROTO_TCP)
        if not self._named or family not in (AF_INET, AF_INET6) or not is_tcp:
            self._deny(trap, call, socket_kind(family, kind, protocol))
            return
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        os.set_blocking(sock.fileno(), not kind & os.O_NONBLOCK)
        number = trap.give(call, sock.fileno(), kind & os.O_CLOEXEC)
        if number < 0:
            sock.close()
            return
        self._take_socket(number)
        if len(self._sockets) >= WAITING_SOCKETS:
            self._take_socket(next(iter(self._sockets)))
        self._sockets[number] = sock

    def _take_socket(self, number: int) -> None:
        if (sock := self._sockets.pop(number, None)) is not None:
            sock.close()

    def _on_connect(self, trap: Trap, call: Call) -> None:
        address = self._address(trap, call)
        destination = self._named.get((address.ip, address.port))
        if destination is None:
            self._deny(trap, call, address.text)
            return
        sock = self._sockets.pop(call.arguments[0] & 0xFFFFFFFF, None)
        if sock is None or len(self._dialling) >= WAITING_DIALS:
            self._deny(trap, call, address.text, "not a socket that can be connected")
            return
        now = self._clock.monotonic()
        hurries = now + (QUICK_S if pairs.is_non_blocking(sock) else DIAL_S)
        self._last_id += 1
        self._dialling[self._last_id] = _Dialling(
            call, call.pid, sock, destination, address, now + DIAL_S, hurries
        )
        self._say(Held(call.id))
        self._send(Dial(self._last_id, destination.name))

    def _address(self, trap: Trap, call: Call) -> Address:
        places = _ADDRESS_AT.get(call.name)
        if places is None:
            return Address("")
        start, length = call.arguments[places[0]], call.arguments[places[1]] & 0xFFFFFFFF
        return parse(trap.read(call, start, min(length, LONGEST)) or b"")

    def _deny(self, trap: Trap, call: Call, address: str, reason: str = "") -> None:
        trap.answer(call.id, errno.EPERM)
        event = EgressEvent(
            kind="deny", call=call.name or "unknown call", address=address, pid=call.pid, reason=reason
        )
        if (now := self._tally.add(event)) is not None:
            self._say(now)

    def _on_reply(self) -> None:
        if self._broker is None:
            return
        try:
            data = self._broker.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            self._forget_broker()  # the supervisor brings the next one
            return
        for reply in self._replies.feed(data):
            dialling = self._dialling.get(reply.id)
            if dialling is not None:
                self._settle(reply, dialling)

    def _settle(self, reply: Dialled, dialling: _Dialling) -> None:
        if reply.error:
            self._fail(reply.id, reply.error)
        elif dialling.pending is not None:
            self._open(reply.id, dialling.pending)
        else:
            try:
                far = pairs.join(dialling.sock)
            except OSError as error:
                self._fail(reply.id, error.errno or errno.ECONNABORTED)
                return
            self._answer(dialling.call)
            self._bridge(reply.id, far)

    def _bridge(self, number: int, far: socket.socket) -> None:
        """From here on the bytes are the broker's business."""
        dialling = self._end(number)
        with far:
            self._send(Bridge(number), far.fileno())
        self._say(
            EgressEvent(
                kind="grant",
                address=dialling.address.text,
                destination=dialling.destination.name,
                pid=dialling.pid,
            )
        )

    def _fail(self, number: int, error: int) -> None:
        dialling = self._end(number)
        self._answer(dialling.call, error)
        self._say(
            EgressEvent(
                kind="fail",
                address=dialling.address.text,
                destination=dialling.destination.name,
                pid=dialling.pid,
                reason=os.strerror(error),
            )
        )

    def _end(self, number: int) -> _Dialling:
        """Our copy of the socket goes first: the caller must see the end when it closes its own."""
        dialling = self._dialling.pop(number)
        dialling.sock.close()
        if dialling.pending is not None:
            with contextlib.suppress(KeyError):  # not opened yet
                self._selector.unregister(dialling.pending.door)
            dialling.pending.close()
        return dialling

    def _answer(self, call: Call | None, error: int = 0) -> None:
        if call is not None and self._trap is not None:
            self._trap.answer(call.id, error)
            self._say(Settled(call.id))

    def _on_time(self) -> None:
        now = self._clock.monotonic()
        for number, dialling in list(self._dialling.items()):
            if now >= dialling.gives_up:
                self._fail(number, errno.ETIMEDOUT)
            elif now >= dialling.hurries and dialling.pending is None:
                self._postpone(number, dialling)
        if now >= self._minute:
            self._minute = now + PERIOD_S
            for event in self._tally.flush():
                self._say(event)

    def _postpone(self, number: int, dialling: _Dialling) -> None:
        """The caller is told that its connection is under way, and waits for it as it likes."""
        try:
            dialling.pending = pairs.Pending(dialling.sock)
        except OSError as error:
            self._fail(number, error.errno or errno.ECONNABORTED)
            return
        self._answer(dialling.call, errno.EINPROGRESS)
        dialling.call = None

    def _open(self, number: int, pending: pairs.Pending) -> None:
        def knocked() -> None:
            try:
                far = pending.accept()
            except OSError as error:  # it knocked and went away
                self._fail(number, error.errno or errno.ECONNABORTED)
                return
            self._bridge(number, far)

        try:
            pending.open()
        except OSError as error:
            self._fail(number, error.errno or errno.ECONNABORTED)
            return
        self._listen(pending.door, knocked)

    def _timeout(self) -> float:
        times = [self._minute]
        for dialling in self._dialling.values():
            times.append(dialling.gives_up if dialling.pending is not None else dialling.hurries)
        return max(0.0, min(times) - self._clock.monotonic())

    def _listen(self, sock: socket.socket, then: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, then)

    def _send(self, message: Dial | Bridge, descriptor: int | None = None) -> None:
        if self._broker is None:
            return  # what waits is asked again when the next broker comes
        try:
            socket.send_fds(self._broker, [encode(message)], [] if descriptor is None else [descriptor])
        except OSError:
            self._forget_broker()

    def _say(self, message: EgressEvent | Held | Settled) -> None:
        try:
            self._supervisor.sendall(encode(message))
        except OSError:
            return  # the supervisor is gone, and we next


def serve(supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock) -> None:
    """The gate process. Returns when the supervisor closes the line."""
    Gate(supervisor, destinations, clock).run()
