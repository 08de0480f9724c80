"""Bringing a backup's content into a folder and a database: all of it, or what checking it needs."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from appliance.backup import folder
from appliance.backup.errors import Damaged
from appliance.backup.records import End, FileBegin, FileEnd, FilePiece, Record, Rows, TableBegin
from appliance.backup.tables import Loader
from appliance.errors import N_

Place = Callable[[str], IO[bytes]]
"""Opens what a file of the backup is written into: a new file of its own, or nothing at all."""


@dataclass(slots=True)
class Content:
    """How far the reading has come: files, rows of each table."""

    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)


def read(records: Iterator[Record], place: Place, loader: Loader | None) -> Content:
    """Everything into its place; without a loader rows are only counted.

    Damaged when a part contradicts another.
    """
    content, at = Content(), ""
    for record in records:
        if isinstance(record, FileBegin):
            content.files += 1
            _read_file(record.path, records, place)
        elif isinstance(record, TableBegin):
            at = record.name
            content.rows[at] = 0
            if loader is not None:
                loader.begin(record)
        elif isinstance(record, Rows):
            content.rows[at] += len(record.rows)
            if loader is not None:
                loader.add(record.rows)
        elif isinstance(record, End) and (record.files, record.rows) != (content.files, content.rows):
            raise Damaged(N_("The backup does not hold what its end says it holds."))
    return content


def _read_file(name: str, records: Iterator[Record], place: Place) -> None:
    if not folder.is_kept(name):
        raise Damaged(N_("The backup holds a file that belongs nowhere: %(name)s."), name=repr(name))
    digest, size = hashlib.sha256(), 0
    with place(name) as file:
        for record in records:
            if isinstance(record, FilePiece):
                file.write(record.data)
                digest.update(record.data)
                size += len(record.data)
                continue
            if not isinstance(record, FileEnd) or (record.size, record.sha256) != (size, digest.hexdigest()):
                break
            return
    raise Damaged(N_("The backup's file %(name)s is not whole."), name=name)


def new_file(base: Path, name: str) -> IO[bytes]:
    """A file below `base` with the modes of all of a data folder's: 0600 in folders of 0700."""
    parts, below = name.split("/"), base
    for part in parts[:-1]:
        below /= part
        below.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(below / parts[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")
