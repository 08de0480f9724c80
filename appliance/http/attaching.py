"""A form with files (multipart/form-data, RFC 7578), held in memory: what people attach never lies on a disk.

The token's field comes first in our forms and is checked before a byte of a file is kept. Nothing
larger than the limit is held, and only so many uploads at a time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from appliance.errors import N_, Forbidden, InvalidInput
from appliance.http import cookies, csrf

CONTENT_TYPE = b"multipart/form-data"
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
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != CONTENT_TYPE or not options.get(b"boundary"):
            raise InvalidInput(N_("The form came in a format that this page does not read."))
        jar: cookies.Cookies = request.app.state.cookies
        async with self._turns:
            collector = _Collector(jar.read(request, cookies.SESSION), limit, most)
            await _read(request, collector, MultipartParser(options[b"boundary"], collector.callbacks()))
            yield collector.taken


async def _read(request: Request, collector: "_Collector", parser: MultipartParser) -> None:
    try:
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except (MultipartParseError, UnicodeDecodeError):
        raise InvalidInput(N_("The upload broke off. Send the file again.")) from None
    collector.check_token()


class _Collector:
    """Takes the parser's callbacks, one part at a time."""

    def __init__(self, session: str, limit: int, most: int) -> None:
        self.taken = Taken()
        self._session = session
        self._limit = limit
        self._most = most
        self._spare = FORM_BYTES
        self._part = bytearray()
        self._over = False
        self._header = (bytearray(), bytearray())
        self._options: dict[bytes, bytes] = {}

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def check_token(self) -> None:
        """Forbidden unless the form's token came and fits."""
        if not csrf.token_fits(self._session, self.taken.fields.get(csrf.FIELD, "")):
            raise Forbidden(N_("This page was opened before you signed in or out. Reload it and try again."))

    @property
    def _is_file(self) -> bool:
        return b"filename" in self._options

    def _begin(self) -> None:
        self._options, self._header = {}, (bytearray(), bytearray())
        self._part, self._over = bytearray(), False

    def _header_end(self) -> None:
        name, value = self._header
        self._take_spare(len(name) + len(value))
        if bytes(name).lower() == b"content-disposition":
            self._options = parse_options_header(bytes(value))[1]
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        if self._is_file:
            self.check_token()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._take_spare(end - start)
        elif self._over or len(self.taken.files) >= self._most:
            return
        elif len(self._part) + end - start > self._limit:
            self._part, self._over = bytearray(), True
            return
        self._part += data[start:end]

    def _end(self) -> None:
        if not self._is_file:
            name = self._options.get(b"name", b"").decode("utf-8", "replace")
            self.taken.fields[name] = self._part.decode("utf-8").replace("\r\n", "\n")
            return
        name = self._options[b"filename"].decode("utf-8", "replace")
        if len(self.taken.files) < self._most and (name or self._part or self._over):
            self.taken.files.append(TakenFile(name, bytes(self._part), self._over))

    def _take_spare(self, size: int) -> None:
        self._spare -= size
        if self._spare < 0:
            raise InvalidInput(N_("The form came in a format that this page does not read."))
