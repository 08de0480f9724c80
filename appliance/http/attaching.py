"""A form with files, taken one file at a time: what people attach never lies on a disk.

Each file is handed on as soon as it is whole, so that an upload holds one file in memory, of at most
the limit; and only so many uploads go on at a time, two of one person.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import MultipartParseError

from appliance.errors import N_, InvalidInput, LimitReached
from appliance.http.multipart import BROKEN_OFF, Parts, unreadable

FORM_BYTES = 1_000_000  # of all fields together, and of what stands around the files
AT_ONCE = 8  # uploads
AT_ONCE_EACH = 2
PATIENCE_S = 300.0  # for the other side to send one form; what we do with its files is not counted


@dataclass(frozen=True, slots=True)
class TakenFile:
    """`too_large`: it went over the limit and nothing of it was kept."""

    name: str
    data: bytes
    too_large: bool = False


Take = Callable[[Mapping[str, str], TakenFile], Awaitable[None]]
"""What is done with a file; it gets the fields that came before it."""


class Intake:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._of: Counter[str] = Counter()

    async def receive(
        self, request: Request, user_id: str, limit: int, most: int, take: Take
    ) -> Mapping[str, str]:
        """This request's fields, after each of its files was taken; those beyond the first `most` are not.

        Raises InvalidInput, also for a form that is longer than so many files can be or comes too slowly,
        Forbidden without the form's token, LimitReached beside two uploads of the same person.
        """
        if self._of[user_id] >= AT_ONCE_EACH:
            raise LimitReached(
                N_("You are uploading files already. Wait until they are read."), retry_after=5
            )
        self._of[user_id] += 1
        try:
            async with self._turns:
                return await _receive(request, limit, most, take)
        finally:
            self._of[user_id] -= 1
            self._of += Counter()  # forgets who has none


async def _receive(request: Request, limit: int, most: int, take: Take) -> Mapping[str, str]:
    collector = _Collector(request, limit, most)
    parser = collector.parser(request)
    left = FORM_BYTES + limit * most
    try:
        async for chunk in _chunks(request):
            left -= len(chunk)
            if left < 0:
                raise unreadable()
            parser.write(chunk)
            for file in collector.whole():
                await take(collector.fields, file)
        parser.finalize()
    except (MultipartParseError, UnicodeDecodeError):
        raise InvalidInput(BROKEN_OFF) from None
    collector.check_token()
    return collector.fields


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; InvalidInput when the other side takes too long over it."""
    left, loop, stream = PATIENCE_S, asyncio.get_running_loop(), aiter(request.stream())
    while True:
        began = loop.time()
        try:
            async with asyncio.timeout(left):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise InvalidInput(BROKEN_OFF) from None
        left -= loop.time() - began
        yield chunk


class _Collector(Parts):
    """Fields, and the files that are whole and not yet handed on."""

    def __init__(self, request: Request, limit: int, most: int) -> None:
        super().__init__(request)
        self._limit = limit
        self._most = most
        self._spare = FORM_BYTES
        self._part = bytearray()
        self._over = False
        self._count = 0
        self._whole: list[TakenFile] = []

    def whole(self) -> list[TakenFile]:
        """What became whole since the last call; a file field that was left empty is none."""
        files, self._whole = self._whole, []
        return files

    def begin(self) -> None:
        super().begin()
        self._part, self._over = bytearray(), False

    def header_end(self) -> None:
        self._take_spare(sum(map(len, self._header)))
        super().header_end()

    def data(self, data: bytes, start: int, end: int) -> None:
        if not self.is_file:
            self._take_spare(end - start)
        elif self._over or self._count >= self._most:
            return
        elif len(self._part) + end - start > self._limit:
            self._part, self._over = bytearray(), True
            return
        self._part += data[start:end]

    def end(self) -> None:
        if not self.is_file:
            self.fields[self.field_name] = self._part.decode("utf-8").replace("\r\n", "\n")
        elif self._count < self._most and (self.file_name or self._part or self._over):
            self._count += 1
            self._whole.append(TakenFile(self.file_name, bytes(self._part), self._over))

    def _take_spare(self, size: int) -> None:
        self._spare -= size
        if self._spare < 0:
            raise unreadable()
