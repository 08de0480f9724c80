"""Carrying bytes between two sockets, counted and limited, and never looked at."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from appliance.clock import Clock
from appliance.protocol.egress import Destination

CHUNK_BYTES = 65536
REPORT_S = 600.0
LOOK_S = 5.0
_RESET = struct.pack("ii", 1, 0)  # struct linger: close() resets


class Bridged:
    """One connection: `near` leads to the caller, `far` to the destination. Closes both at its end."""

    def __init__(
        self, near: socket.socket, far: socket.socket, destination: Destination, clock: Clock
    ) -> None:
        self._near, self._far = near, far
        self._destination = destination
        self._clock = clock
        self._began = self._heard = clock.monotonic()
        self._out = self._in = 0

    def age(self) -> float:
        return self._clock.monotonic() - self._began

    def take_counts(self) -> tuple[int, int]:
        """(bytes to the destination, bytes from it) since they were last taken."""
        counts = self._out, self._in
        self._out = self._in = 0
        return counts

    async def run(self, on_period: Callable[[], None]) -> str:
        """Why it ended: by caller or destination, idle, or its longest time. Reports now and then."""
        self._near.setblocking(False)
        ways = (
            asyncio.create_task(self._pump(self._near, self._far, outward=True)),
            asyncio.create_task(self._pump(self._far, self._near, outward=False)),
        )
        try:
            return await self._watch(ways, on_period)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._near.close()
            self._far.close()

    async def _watch(self, ways: tuple[asyncio.Task[None], ...], on_period: Callable[[], None]) -> str:
        reported = self._began
        while True:
            done, left = await asyncio.wait(ways, timeout=LOOK_S, return_when=asyncio.FIRST_EXCEPTION)
            for way in done:
                if way.exception() is not None:
                    self._reset()
                    return "broken off"
            if not left:
                return "ended"
            now = self._clock.monotonic()
            if now - self._heard >= self._destination.idle_seconds:
                return "idle too long"
            if self.age() >= self._destination.total_seconds:
                return "open too long"
            if now - reported >= REPORT_S:
                reported = now
                on_period()

    async def _pump(self, source: socket.socket, sink: socket.socket, *, outward: bool) -> None:
        """One direction to its end, which the other side then sees."""
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(source, CHUNK_BYTES):
            self._heard = self._clock.monotonic()
            await loop.sock_sendall(sink, data)
            if outward:
                self._out += len(data)
            else:
                self._in += len(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _reset(self) -> None:
        """A connection that broke must not look like one that ended in order."""
        for sock in (self._near, self._far):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
