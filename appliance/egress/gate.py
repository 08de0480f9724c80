"""The gate: answers web's trapped calls. It sees addresses and cannot dial; the broker dials and sees none.

socket() for TCP is answered with a socket of the gate's own empty namespace, when there is any
destination at all. connect() to a named destination waits for the broker to dial it, then that
socket is joined with one that goes to the broker. Everything else fails with EPERM and is
evidence: thread, call, real address. Without a gate the calls wait for the next one; without the
supervisor they fail (ENOSYS), because nobody holds the listener any more.
"""

import errno
import os
import selectors
import socket
from collections import deque

from appliance.clock import Clock
from appliance.egress.address import AF_INET, AF_INET6, LONGEST, Address, parse, socket_kind
from appliance.egress.dials import Dials
from appliance.egress.notify import Call, Trap
from appliance.egress.tally import PERIOD_S, Tally
from appliance.protocol.egress import Destination, EgressEvent, Flush, Flushed, Held, Line, Settled, Watch
from appliance.protocol.framing import Decoder, encode

READ_BYTES = 65536
MOST_DESCRIPTORS = 16
FAILURES = 1024  # sorts of failed dials told apart: destinations are named, so there are few
WAITING_SOCKETS = 64  # made and not yet connected; the oldest is forgotten
SOCKET_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC  # SOCK_NONBLOCK and SOCK_CLOEXEC are the same bits

# Where the address and its length stand among a call's arguments.
_ADDRESS_AT = {"connect": (1, 2), "bind": (1, 2), "sendto": (4, 5)}


class Gate:
    """One thread, one loop. `supervisor` brings the trap and the broker's line, and takes events."""

    def __init__(
        self, supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock
    ) -> None:
        self._supervisor = supervisor
        self._orders: Decoder[Watch | Line | Flush] = Decoder(Watch | Line | Flush)
        self._gifts: deque[int] = deque()
        self._named = {(ip, one.port): one for one in reversed(destinations) for ip in one.addresses}
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._trap: Trap | None = None
        self._sockets: dict[int, socket.socket] = {}  # by their number over there, oldest first
        self._dials = Dials(self._selector, clock, self._say_dialled, self._answer)
        self._denied = Tally()
        self._failed = Tally(different=FAILURES)
        self._minute = clock.monotonic() + PERIOD_S

    def run(self) -> None:
        """Until the supervisor goes away."""
        self._selector.register(self._supervisor, selectors.EVENT_READ, self._on_order)
        while self._supervisor.fileno() >= 0:
            for key, _ in self._selector.select(self._timeout()):
                if self._selector.get_map().get(key.fd) == key:  # an earlier one may have closed it
                    key.data()
            self._on_time()

    def _timeout(self) -> float:
        return max(0.0, min(self._minute, self._dials.next_time()) - self._clock.monotonic())

    def _on_time(self) -> None:
        self._dials.on_time()
        now = self._clock.monotonic()
        if now >= self._minute:
            self._minute = now + PERIOD_S
            self._flush()

    def _flush(self) -> None:
        for event in (*self._denied.flush(), *self._failed.flush()):
            self._say(event)

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
            elif isinstance(order, Flush):
                self._flush()
                for tally in (self._denied, self._failed):
                    tally.forget()  # after a self-attack nothing counts as a repeat of its attempts
                self._say(Flushed())
            else:
                self._dials.use(socket.socket(fileno=self._gifts.popleft()))

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
        for number in list(self._sockets):
            self._take_socket(number)

    def _on_call(self) -> None:
        trap = self._trap
        if trap is None:
            return
        try:
            call = trap.receive()
        except EOFError:
            self._drop_trap()
            return
        if call is None:
            return
        if call.name == "socket":
            self._on_socket(trap, call)
        elif call.name == "connect":
            self._on_connect(trap, call)
        else:
            self._deny(trap, call, self._address(trap, call).text)

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
        if sock is None:
            self._deny(trap, call, address.text, "not a socket that can be connected")
        elif self._dials.full:
            sock.close()
            self._deny(trap, call, address.text, "too many connections under way")
        else:
            self._dials.begin(call, sock, destination, address)

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
        self._say_summed(event, self._denied)

    def _say_dialled(self, message: EgressEvent | Held | Settled) -> None:
        """A dead database is dialled again and again: its failures are summed as denials are."""
        if isinstance(message, EgressEvent) and message.kind == "fail":
            self._say_summed(message, self._failed)
        else:
            self._say(message)

    def _say_summed(self, event: EgressEvent, tally: Tally) -> None:
        if (now := tally.add(event)) is not None:
            self._say(now)

    def _answer(self, call: int, error: int) -> None:
        if self._trap is not None:
            self._trap.answer(call, error)

    def _say(self, message: EgressEvent | Held | Settled | Flushed) -> None:
        try:
            self._supervisor.sendall(encode(message))
        except OSError:
            return  # the supervisor is gone, and we next


def serve(supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock) -> None:
    """The gate process. Returns when the supervisor closes the line."""
    Gate(supervisor, destinations, clock).run()
