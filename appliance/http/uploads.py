"""A form with one large file, written to disk as it comes."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from appliance.errors import N_, InvalidInput, StorageFailed
from appliance.http.multipart import BROKEN_OFF, Parts, unreadable
from appliance.ids import new_id

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
    collector = _Collector(request, folder)
    parser = collector.parser(request)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > shutil.disk_usage(folder).free - SPARE_BYTES:
        raise StorageFailed(_FULL)
    try:
        await _read(request, collector, parser)
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
        raise InvalidInput(BROKEN_OFF) from None
    except OSError:
        raise StorageFailed(_FULL) from None
    collector.check_token()


class _Collector(Parts):
    """A field in memory, the file on disk."""

    def __init__(self, request: Request, folder: Path) -> None:
        super().__init__(request)
        self.upload = Upload(self.fields)
        self.waiting = bytearray()
        self._folder = folder
        self._file: IO[bytes] | None = None

    def flush(self) -> None:
        if self._file is not None:
            self._file.write(self.waiting)
            self.waiting.clear()

    def close(self) -> None:
        """Everything that came is in the file from now on."""
        if self._file is not None and not self._file.closed:
            self.flush()
            self._file.close()

    def headers_finished(self) -> None:
        super().headers_finished()
        if not self.is_file:
            return
        if self.upload.path is not None:
            raise unreadable()
        self.upload.file_name = Path(self.file_name).name
        self.upload.path = self._folder / f".upload-{new_id()}"
        self._file = self.upload.path.open("xb")

    def data(self, data: bytes, start: int, end: int) -> None:
        self.waiting += data[start:end]
        if not self.is_file and len(self.waiting) > MAX_FIELD_BYTES:
            raise unreadable()

    def end(self) -> None:
        if self.is_file:
            self.flush()
            return
        self.fields[self.field_name] = self.waiting.decode("utf-8")
        self.waiting.clear()


_FULL = N_("The disk that holds the models is full. Nothing was imported; free some space.")
