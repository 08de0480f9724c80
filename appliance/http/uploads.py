"""A form with one large file (multipart/form-data, RFC 7578), written to disk as it comes.

The token's field comes first in our forms and is checked before a byte of the file is kept. Only
paths that BodyLimit is told to leave alone may come here.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from appliance.errors import N_, Forbidden, InvalidInput, StorageFailed
from appliance.http import cookies, csrf
from appliance.ids import new_id

CONTENT_TYPE = b"multipart/form-data"
MAX_FIELD_BYTES = 4096
WRITE_BYTES = 4 * 1024 * 1024
SPARE_BYTES = 256 * 1024 * 1024  # the disk keeps so much for the log and the conversations


@dataclass(slots=True)
class Upload:
    """The fields, and the file under a name of its own; `file_name` is what the person called it."""

    fields: dict[str, str] = field(default_factory=dict)
    path: Path | None = None
    file_name: str = ""


@asynccontextmanager
async def receive(request: Request, folder: Path) -> AsyncIterator[Upload]:
    """The upload of this request; its file is removed at the end, whatever happened.

    Raises InvalidInput, Forbidden without the form's token, StorageFailed when the disk is full.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != CONTENT_TYPE or not options.get(b"boundary"):
        raise InvalidInput(N_("The form came in a format that this page does not read."))
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > shutil.disk_usage(folder).free - SPARE_BYTES:
        raise StorageFailed(_FULL)
    jar: cookies.Cookies = request.app.state.cookies
    collector = _Collector(folder, jar.read(request, cookies.SESSION))
    try:
        await _read(request, collector, MultipartParser(options[b"boundary"], collector.callbacks()))
        yield collector.upload
    finally:
        collector.close()
        if collector.upload.path is not None:
            collector.upload.path.unlink(missing_ok=True)


async def _read(request: Request, collector: "_Collector", parser: MultipartParser) -> None:
    try:
        async for chunk in request.stream():
            parser.write(chunk)
            if len(collector.waiting) >= WRITE_BYTES:
                await asyncio.to_thread(collector.flush)
        parser.finalize()
        await asyncio.to_thread(collector.close)
    except (MultipartParseError, UnicodeDecodeError):
        raise InvalidInput(N_("The upload broke off. Send the file again.")) from None
    except OSError:
        raise StorageFailed(_FULL) from None
    collector.check_token()


class _Collector:
    """Takes the parser's callbacks. One part at a time: a field in memory, the file on disk."""

    def __init__(self, folder: Path, session: str) -> None:
        self.upload = Upload()
        self.waiting = bytearray()
        self._folder = folder
        self._session = session
        self._file: IO[bytes] | None = None
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
        if not csrf.token_fits(self._session, self.upload.fields.get(csrf.FIELD, "")):
            raise Forbidden(N_("This page was opened before you signed in or out. Reload it and try again."))

    def flush(self) -> None:
        if self._file is not None:
            self._file.write(self.waiting)
            self.waiting.clear()

    def close(self) -> None:
        """Everything that came is in the file from now on."""
        if self._file is not None and not self._file.closed:
            self.flush()
            self._file.close()

    def _begin(self) -> None:
        self._options, self._header = {}, (bytearray(), bytearray())

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._options = parse_options_header(bytes(value))[1]
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        if b"filename" not in self._options:
            return
        self.check_token()
        if self.upload.path is not None:
            raise InvalidInput(N_("The form came in a format that this page does not read."))
        self.upload.file_name = Path(self._options[b"filename"].decode("utf-8", "replace")).name
        self.upload.path = self._folder / f".upload-{new_id()}"
        self._file = self.upload.path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.waiting += data[start:end]
        if b"filename" not in self._options and len(self.waiting) > MAX_FIELD_BYTES:
            raise InvalidInput(N_("The form came in a format that this page does not read."))

    def _end(self) -> None:
        if b"filename" in self._options:
            self.flush()
            return
        name = self._options.get(b"name", b"").decode("utf-8", "replace")
        self.upload.fields[name] = self.waiting.decode("utf-8")
        self.waiting.clear()


_FULL = N_("The disk that holds the models is full. Nothing was imported; free some space.")
