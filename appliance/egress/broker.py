"""The broker: the only process that dials. It knows destinations by name and carries bytes unread.

The gate asks for a destination by its name in egress.yaml; where that lies was settled before
this process started, so nothing that happens later, in a name server or in a taken-over gate,
can make it dial anywhere else. A connection ends with either side, with the line to the
supervisor, or at one of its limits.
"""

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from appliance.clock import Clock
from appliance.egress.bridge import Bridged
from appliance.protocol.egress import Bridge, Destination, Dial, Dialled, EgressEvent, Line
from appliance.protocol.framing import Decoder, encode

READ_BYTES = 65536
MOST_DESCRIPTORS = 16
DIAL_S = 10.0
UNUSED_S = 20.0  # dialled, but nobody came for it


class _Outlet:
    """One line's sending side: a message at a time, whole."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = asyncio.Lock()

    async def send(self, data: bytes) -> bool:
        """Whether it left; not when the other side is gone."""
        async with self._lock:
            if self._sock.fileno() < 0:
                return False
            try:
                await asyncio.get_running_loop().sock_sendall(self._sock, data)
            except OSError:
                return False
            return True


class Broker:
    """One event loop. `supervisor` brings the gate's line and takes events."""

    def __init__(
        self, supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock
    ) -> None:
        self._supervisor = supervisor
        self._named = {one.name: one for one in destinations}
        self._clock = clock
        self._to_supervisor = _Outlet(supervisor)
        self._to_gate: _Outlet | None = None
        self._dialled: dict[int, tuple[Destination, str, socket.socket]] = {}
        self._open: dict[str, int] = dict.fromkeys(self._named, 0)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the supervisor goes away; every connection ends with us."""
        orders: Decoder[Line] = Decoder(Line)
        await self._follow(self._supervisor, orders.feed, self._on_order)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(
        self,
        line: socket.socket,
        decode: Callable[[bytes], list[Any]],
        then: Callable[[Any, deque[int]], None],
    ) -> None:
        """Every message of a line with the descriptors that came by then, until its end."""
        line.setblocking(False)
        gifts: deque[int] = deque()
        while True:
            data, numbers = await _receive(line)
            gifts.extend(numbers)
            if not data:
                line.close()
                return
            for message in decode(data):
                then(message, gifts)

    def _on_order(self, _order: Line, gifts: deque[int]) -> None:
        """A new gate's line; what the old one asked for and did not fetch is let go."""
        gate = socket.socket(fileno=gifts.popleft())
        self._to_gate = _Outlet(gate)
        for number in list(self._dialled):
            self._let_go(number)
        requests: Decoder[Dial | Bridge] = Decoder(Dial | Bridge)
        self._start(self._follow(gate, requests.feed, self._on_request))

    def _on_request(self, request: Dial | Bridge, gifts: deque[int]) -> None:
        if isinstance(request, Dial):
            self._start(self._dial(request, self._to_gate))
            return
        near = socket.socket(fileno=gifts.popleft())
        if request.id in self._dialled:
            self._start(self._carry(request.id, near))
        else:
            near.close()

    async def _dial(self, request: Dial, gate: _Outlet | None) -> None:
        destination = self._named.get(request.destination)
        if destination is None or self._open[destination.name] >= destination.connections:
            await self._reply(gate, Dialled(request.id, errno.EUSERS if destination else errno.EPERM))
            return
        self._open[destination.name] += 1
        try:
            async with asyncio.timeout(DIAL_S):
                address, sock = await _first_that_answers(destination)
        except OSError as error:  # TimeoutError is one
            self._open[destination.name] -= 1
            await self._reply(gate, Dialled(request.id, error.errno or errno.ETIMEDOUT))
            return
        self._dialled[request.id] = (destination, address, sock)
        asyncio.get_running_loop().call_later(UNUSED_S, self._let_go, request.id)
        await self._reply(gate, Dialled(request.id, 0, address))

    def _let_go(self, number: int) -> None:
        if (unused := self._dialled.pop(number, None)) is not None:
            destination, _, sock = unused
            sock.close()
            self._open[destination.name] -= 1

    async def _carry(self, number: int, near: socket.socket) -> None:
        destination, address, far = self._dialled.pop(number)
        try:
            bridged = Bridged(near, far, destination, self._clock)
            reason = await bridged.run(lambda: self._report(_event(bridged, destination, address, "")))
            self._report(_event(bridged, destination, address, reason))
        finally:
            self._open[destination.name] -= 1

    async def _reply(self, gate: _Outlet | None, answer: Dialled) -> None:
        """To the gate that asked; it may be gone."""
        if gate is None or not await gate.send(encode(answer)):
            self._let_go(answer.id)

    def _report(self, event: EgressEvent) -> None:
        self._start(self._say(event))

    async def _say(self, event: EgressEvent) -> None:
        await self._to_supervisor.send(encode(event))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _first_that_answers(destination: Destination) -> tuple[str, socket.socket]:
    """(address, connected socket) of the first pinned address that takes the call. Raises OSError."""
    failure = OSError(errno.EHOSTUNREACH, "no address")
    for address in destination.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            async with asyncio.timeout(DIAL_S / len(destination.addresses)):
                await asyncio.get_running_loop().sock_connect(sock, (address, destination.port))
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return address, sock
    raise failure


async def _receive(line: socket.socket) -> tuple[bytes, list[int]]:
    """(bytes, descriptors) of one message; no bytes at the end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(line, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(line)
    try:
        data, numbers, _, _ = socket.recv_fds(line, READ_BYTES, MOST_DESCRIPTORS)
    except ConnectionResetError:
        return b"", []
    return data, list(numbers)


def _event(bridged: Bridged, destination: Destination, address: str, reason: str) -> EgressEvent:
    """The bytes since the last event of this connection; `reason` says why it ended, if it did."""
    bytes_out, bytes_in = bridged.take_counts()
    return EgressEvent(
        kind="close" if reason else "carry",
        address=f"[{address}]:{destination.port}" if ":" in address else f"{address}:{destination.port}",
        destination=destination.name,
        reason=reason,
        bytes_out=bytes_out,
        bytes_in=bytes_in,
        seconds=round(bridged.age(), 3),
    )


def serve(supervisor: socket.socket, destinations: tuple[Destination, ...], clock: Clock) -> None:
    """The broker process. Returns when the supervisor closes the line."""
    asyncio.run(Broker(supervisor, destinations, clock).run())
