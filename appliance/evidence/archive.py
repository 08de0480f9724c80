"""A zip read with suspicion: members one right after another, nothing before, between or behind.

Nothing is unpacked to disk. A member is read in small pieces, and one that would unpack to far
more than it holds is refused before it is opened.
"""

import os
import struct
import zipfile
import zlib
from typing import IO, BinaryIO

from appliance.evidence.faults import N_, unsound

MAX_MEMBERS = 2_000_000
MAX_DIRECTORY_BYTES = 256 * 1024 * 1024
MAX_RATIO = 200
READ_BYTES = 1024 * 1024
RATIO_MATTERS_BYTES = 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")


class Archive:
    """The members of a zip by name. `Unsound` when the file is anything but such a zip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        start = _check_directory(file, self.size)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error, EOFError) as error:
            raise unsound(
                "archive-damaged", N_("The zip's directory is damaged: %(error)s."), error=error
            ) from None
        self._check_members(start)
        self.members = {info.filename: info for info in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def open(self, name: str) -> IO[bytes]:
        """A member as a stream. `Unsound` when there is none."""
        if name not in self.members:
            raise unsound("file-missing", N_("%(file)s is missing from the export."), file=name)
        return self._zip.open(self.members[name])

    def read(self, name: str, limit: int) -> bytes:
        """A member of at most `limit` bytes. `Unsound` when it is longer, damaged or missing."""
        with self.open(name) as member:
            data = read_some(member, limit + 1, name)
        if len(data) > limit:
            raise unsound("file-too-long", N_("%(file)s is longer than it can be."), file=name)
        return data

    def _check_members(self, end: int) -> None:
        at = 0
        seen: set[str] = set()
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            if info.filename in seen:
                raise unsound("file-twice", N_("%(file)s is in the export twice."), file=info.filename)
            seen.add(info.filename)
            at = self._check_member(info, at)
        if at != end:
            raise unsound(
                "archive-padded", N_("The zip has %(count)d bytes that belong to no file."), count=end - at
            )

    def _check_member(self, info: zipfile.ZipInfo, at: int) -> int:
        """Where the next member must begin."""
        name = info.filename
        if info.header_offset != at:
            raise unsound(
                "archive-padded", N_("There are bytes before %(file)s that belong to no file."), file=name
            )
        if info.file_size > RATIO_MATTERS_BYTES and info.file_size > MAX_RATIO * info.compress_size:
            raise unsound(
                "zip-bomb",
                N_("%(file)s would unpack from %(packed)d to %(unpacked)d bytes: a zip bomb."),
                file=name,
                packed=info.compress_size,
                unpacked=info.file_size,
            )
        self._file.seek(at)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise unsound("archive-damaged", N_("The zip's directory is damaged: %(error)s."), error=name)
        mark, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack(header)
        told = self._file.read(name_length).decode("utf-8", "replace")
        if mark != b"PK\x03\x04" or told != name or flags & ~0x800 or method not in (0, 8):
            raise unsound(
                "file-header", N_("The header of %(file)s does not say what the directory says."), file=name
            )
        return at + _LOCAL.size + int(name_length) + int(extra_length) + info.compress_size


def read_some(member: IO[bytes], count: int, name: str) -> bytes:
    """Up to `count` bytes of an open member. `Unsound` when it does not unpack."""
    try:
        return member.read(count)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError):
        raise unsound(
            "file-damaged", N_("%(file)s does not unpack: it was changed or cut."), file=name
        ) from None


def _check_directory(file: BinaryIO, size: int) -> int:
    """Where the directory begins, after looking that it ends the file and is of bearable length."""
    if size < _END.size:
        raise _cut(file)
    file.seek(size - _END.size)
    mark, _, _, _, count, length, start, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\x05\x06" or comment:
        raise _cut(file)
    end = size - _END.size
    if count == 0xFFFF or length == 0xFFFFFFFF or start == 0xFFFFFFFF:
        count, length, start, end = _directory_64(file, end)
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        raise unsound(
            "zip-bomb",
            N_("The zip's directory names %(count)d files: a zip bomb. It was not opened."),
            count=count,
        )
    if start + length != end:
        raise unsound(
            "archive-padded",
            N_("The zip has %(count)d bytes that belong to no file."),
            count=end - start - length,
        )
    return int(start)


def _directory_64(file: BinaryIO, end: int) -> tuple[int, int, int, int]:
    """(members, bytes, start, end) of the directory of a big zip."""
    at = end - _LOCATOR.size - _END_64.size
    if at < 0:
        raise _cut(file)
    file.seek(at)
    mark, *_, count, length, start = _END_64.unpack(file.read(_END_64.size))
    locator, _, told, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
    if mark != b"PK\x06\x06" or locator != b"PK\x06\x07" or told != at:
        raise unsound("archive-damaged", N_("The zip's directory is damaged: %(error)s."), error="zip64")
    return count, length, start, at


def _cut(file: BinaryIO) -> Exception:
    """What to say of a file whose end is not a zip's end."""
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return unsound("not-an-export", N_("This is not an export: it is not a zip file."))
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - (1 << 20)))
    tail = file.read()
    if 0 <= tail.rfind(b"PK\x05\x06") <= len(tail) - _END.size:
        return unsound("archive-padded", N_("There are bytes after the end of the zip."))
    return unsound("archive-truncated", N_("The file ends too early: it is not a whole export."))
