"""Web's line to the supervisor: reports both ways, and the sockets that come with some of them."""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator

from appliance.supervisor.spec import Report, ReportLine, send_report

READ_BYTES = 65536
MAX_DESCRIPTORS = 8


class Control:
    """Owned by web's event loop. An end of file means the supervisor is gone: so are we, soon."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._line = ReportLine()
        self._descriptors: deque[int] = deque()
        self._waiting: deque[tuple[Report, socket.socket | None]] = deque()

    def say(self, report: Report) -> None:
        send_report(self._sock, report)

    async def first_sealer(self) -> socket.socket:
        """The sealer's socket, which the supervisor sends first; other reports are kept for later."""
        kept: list[tuple[Report, socket.socket | None]] = []
        while True:
            report, sock = await self._next()
            if report.attach == "sealer" and sock is not None:
                self._waiting.extendleft(reversed(kept))
                return sock
            kept.append((report, sock))

    async def reports(self) -> AsyncIterator[tuple[Report, socket.socket | None]]:
        """Every report as it comes. Ends when the supervisor goes away."""
        while True:
            try:
                yield await self._next()
            except EOFError:
                return

    async def _next(self) -> tuple[Report, socket.socket | None]:
        while not self._waiting:
            await self._readable()
            data, descriptors, _, _ = socket.recv_fds(self._sock, READ_BYTES, MAX_DESCRIPTORS)
            if not data:
                raise EOFError
            self._descriptors.extend(descriptors)
            for report in self._line.feed(data):
                sock = socket.socket(fileno=self._descriptors.popleft()) if report.attach else None
                self._waiting.append((report, sock))
        return self._waiting.popleft()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._sock, _resolve, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._sock)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
