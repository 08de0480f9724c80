"""A form with files, held in memory: what people attach never lies on a disk.

Nothing larger than the limit is held, and only so many uploads at a time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError

from appliance.errors import InvalidInput
from appliance.http.multipart import BROKEN_OFF, Parts, unreadable

FORM_BYTES = 1_000_000  # of all fields together, and of what stands around the files
AT_ONCE = 8  # uploads that are held in memory


@dataclass(frozen=True, slots=True)
class TakenFile:
    """`too_large`: it went over the limit and nothing of it was kept."""

    name: str
    data: bytes
    too_large: bool = False


@dataclass(slots=True)
class Taken:
    """The fields, and the files in their order; a file field that was left empty is none."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[TakenFile] = field(default_factory=list)


class Intake:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def receive(self, request: Request, limit: int, most: int) -> AsyncIterator[Taken]:
        """This request's form; files beyond the first `most` are not kept.

        Raises InvalidInput, Forbidden without the form's token.
        """
        async with self._turns:
            collector = _Collector(request, limit, most)
            parser = collector.parser(request)
            try:
                async for chunk in request.stream():
                    parser.write(chunk)
                parser.finalize()
            except (MultipartParseError, UnicodeDecodeError):
                raise InvalidInput(BROKEN_OFF) from None
            collector.check_token()
            yield collector.taken


class _Collector(Parts):
    """Fields and files in memory."""

    def __init__(self, request: Request, limit: int, most: int) -> None:
        super().__init__(request)
        self.taken = Taken(self.fields)
        self._limit = limit
        self._most = most
        self._spare = FORM_BYTES
        self._part = bytearray()
        self._over = False

    def begin(self) -> None:
        super().begin()
        self._part, self._over = bytearray(), False

    def header_end(self) -> None:
        self._take_spare(sum(map(len, self._header)))
        super().header_end()

    def data(self, data: bytes, start: int, end: int) -> None:
        if not self.is_file:
            self._take_spare(end - start)
        elif self._over or len(self.taken.files) >= self._most:
            return
        elif len(self._part) + end - start > self._limit:
            self._part, self._over = bytearray(), True
            return
        self._part += data[start:end]

    def end(self) -> None:
        if not self.is_file:
            self.fields[self.field_name] = self._part.decode("utf-8").replace("\r\n", "\n")
        elif len(self.taken.files) < self._most and (self.file_name or self._part or self._over):
            self.taken.files.append(TakenFile(self.file_name, bytes(self._part), self._over))

    def _take_spare(self, size: int) -> None:
        self._spare -= size
        if self._spare < 0:
            raise unreadable()
