"""Writing an export's zip member by member, each streamed, its length and SHA-256 noted on the way."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, BinaryIO

from appliance.evidence.layout import FileHash

COMPRESSION_LEVEL = 1  # entries are mostly hashes; a higher level costs time and gains little


class Member:
    """The member that is being written."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._length = 0

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self._length += len(data)

    def summary(self) -> FileHash:
        return FileHash(self._length, self._hash.hexdigest())


class ExportZip:
    """The zip. `files` grows with every listed member."""

    def __init__(self, file: BinaryIO) -> None:
        self.files: dict[str, FileHash] = {}
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)

    @contextmanager
    def member(self, name: str, *, listed: bool = True) -> Iterator[Member]:
        """A member written in pieces; `listed` ones are named in the manifest."""
        with self._zip.open(name, "w", force_zip64=True) as stream:
            member = Member(stream)
            yield member
        if listed:
            self.files[name] = member.summary()

    def lines(self, name: str, lines: Iterable[bytes]) -> None:
        """A listed member of lines."""
        with self.member(name) as member:
            for line in lines:
                member.write(line + b"\n")

    def text(self, name: str, text: str, *, listed: bool = True) -> None:
        with self.member(name, listed=listed) as member:
            member.write(text.encode())

    def hashes(self, name: str, data: bytes) -> None:
        """A tile: not listed, for the tree speaks for it, and not compressed, for hashes do not shrink."""
        self._zip.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_STORED)

    def bundle(self, name: str, data: bytes) -> None:
        """An entry bundle: not listed, for it repeats what the tree speaks for."""
        self._zip.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, COMPRESSION_LEVEL)

    def close(self) -> None:
        self._zip.close()

    def give_up(self) -> None:
        """Let go of the file, which will be thrown away; a full disk does not matter any more."""
        with suppress(OSError, ValueError):
            self._zip.close()
