"""Web's way to have a file read: it asks the supervisor for an extractor and gives it the file."""

import asyncio
import socket
from itertools import count

from appliance.errors import N_, Unavailable
from appliance.protocol.extraction import Extract, Extracted, FromExtractor, Reading, Refused
from appliance.protocol.framing import Decoder, FramingError, encode
from appliance.supervisor.control import Control
from appliance.supervisor.spec import Report

AT_ONCE = 3  # files; the others wait for their turn. One person uploads two at most at a time
PATIENCE_S = 60.0  # for one file
ANSWER_S = 10.0  # for the supervisor
READ_BYTES = 256 * 1024


class ReadingRoom:
    """Owned by web's event loop."""

    def __init__(self) -> None:
        self._control: Control | None = None
        self._numbers = count(1)
        self._asked: dict[str, asyncio.Future[socket.socket | None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def use(self, control: Control) -> None:
        self._control = control

    def on_report(self, report: Report, sock: socket.socket | None) -> None:
        """The extractor that was asked for, or none."""
        waiting = self._asked.pop(report.request, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(sock)
        elif sock is not None:
            sock.close()  # whoever asked has left

    async def read(self, name: str, data: bytes) -> Extracted | Refused:
        """The file's text, or why there is none. Raises Unavailable when nobody can read just now."""
        async with self._turns:
            with await self._extractor() as sock:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        return await _read(sock, Extract(name, data))
                except TimeoutError:
                    return Refused("slow")
                except (OSError, FramingError):
                    return Refused("failed")  # it ended on the way: at a limit, or at its jail's wall

    async def _extractor(self) -> socket.socket:
        if self._control is None:
            raise _away()
        request = f"extract-{next(self._numbers)}"
        self._asked[request] = asyncio.get_running_loop().create_future()
        self._control.say(Report(request=request, ask="extract"))
        try:
            sock = await asyncio.wait_for(self._asked[request], ANSWER_S)
        except TimeoutError:
            raise _away() from None
        finally:
            self._asked.pop(request, None)
        if sock is None:
            raise _away()
        sock.setblocking(False)
        return sock


async def _read(sock: socket.socket, order: Extract) -> Extracted | Refused:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, encode(order))
    decoder: Decoder[FromExtractor] = Decoder(FromExtractor)
    while data := await loop.sock_recv(sock, READ_BYTES):
        for message in decoder.feed(data):
            if not isinstance(message, Reading):
                return message
    return Refused("failed")


def _away() -> Unavailable:
    return Unavailable(N_("Files cannot be read just now. Try again in a moment."))
