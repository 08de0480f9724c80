"""The inner form of a backup: files and table rows as a stream of typed records, in protocol.framing."""

from collections.abc import Iterator
from typing import Any

import msgspec

from appliance.backup.errors import Damaged
from appliance.errors import N_
from appliance.protocol.framing import Decoder, FramingError

PIECE_BYTES = 256 * 1024


class FileBegin(msgspec.Struct, frozen=True, tag="file", array_like=True):
    """A file of the data folder follows: its path below it, parts with / between."""

    path: str


class FilePiece(msgspec.Struct, frozen=True, tag="piece", array_like=True):
    data: bytes


class FileEnd(msgspec.Struct, frozen=True, tag="file-end", array_like=True):
    size: int
    sha256: str


class TableBegin(msgspec.Struct, frozen=True, tag="table", array_like=True):
    """A table's rows follow; each has a value per column."""

    name: str
    columns: tuple[str, ...]


class Rows(msgspec.Struct, frozen=True, tag="rows", array_like=True):
    """Values are null, true, numbers, texts, bytes, instants (UTC), and JSON's lists and maps."""

    rows: list[list[Any]]


class End(msgspec.Struct, frozen=True, tag="end", array_like=True):
    """Nothing follows: how many files, and how many rows of each table, there were."""

    files: int
    rows: dict[str, int]


Record = FileBegin | FilePiece | FileEnd | TableBegin | Rows | End


def decoded(pieces: Iterator[bytes]) -> Iterator[Record]:
    """The records in these bytes, up to the End. Damaged when they are none."""
    decoder: Decoder[Record] = Decoder(Record)
    ended = False
    try:
        for piece in pieces:
            for record in decoder.feed(piece):
                yield record
                ended = isinstance(record, End)
    except FramingError:
        raise _incomplete() from None
    if not ended:
        raise _incomplete()


def _incomplete() -> Damaged:
    return Damaged(N_("The backup is not complete: it was written by a program that failed or is broken."))
