"""The files in models/: `SHA-256.gguf` with a record `SHA-256.json` beside it, or a file by its own name.

A file counts once its record is there; the record is written last and removed first, each by one
rename or unlink, so a crash leaves at most a file without a record, which the next import of the
same file adopts. What is being copied has a name of its own and is swept by the next import.
"""

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.errors import N_, Conflict
from appliance.ids import new_id
from appliance.protocol.framing import NONSENSE

SUFFIX = ".gguf"
PIECE = 4 * 1024 * 1024
LOCK_FILE = ".import.lock"
_STAGING = ".staging-"
_SHA256 = re.compile(r"[0-9a-f]{64}")

OnProgress = Callable[[int, int], None]
"""Gets the bytes done and the bytes in all."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an imported file. `made_from`: the SHA-256 of the model it was requantized from.

    `base`: the name of the model that an adapter belongs to. `licence_accepted`: somebody accepted a
    licence that forbids commercial use; who and when is in the audit log.
    """

    name: str
    sha256: str
    size_bytes: int
    licence: str
    source: str
    file_name: str
    imported_at: datetime
    licence_accepted: bool = False
    made_from: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Staged:
    """A whole copy in models/, synced to the disk, not yet a model."""

    path: Path
    sha256: str
    size_bytes: int


def records(folder: Path) -> list[Record]:
    """Every record whose file is there, by name. A record nobody can read counts as none."""
    found = (_read(path) for path in sorted(folder.glob("*.json")) if _SHA256.fullmatch(path.stem))
    kept = [record for record in found if record is not None and file_of(folder, record.sha256).is_file()]
    return sorted(kept, key=lambda record: (record.name, record.sha256))


def named_files(folder: Path) -> list[Path]:
    """Files that somebody put there under a name of their own."""
    return [path for path in sorted(folder.glob(f"*{SUFFIX}")) if not _SHA256.fullmatch(path.stem)]


def is_sha256(text: str) -> bool:
    """Whether this names a file of `file_of`, and nothing elsewhere."""
    return _SHA256.fullmatch(text) is not None


def file_of(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}{SUFFIX}"


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """One import at a time; sweeps what an interrupted one left. Conflict when another is under way."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(N_("Another import is under way. Wait until it is done.")) from None
        for left in folder.glob(f"{_STAGING}*"):
            left.unlink()
        yield


def staging_path(folder: Path) -> Path:
    """A name for a file to be made; call within `changing`."""
    return folder / f"{_STAGING}{new_id()}{SUFFIX}"


def copy(source: Path, folder: Path, on_progress: OnProgress) -> Staged:
    """Copy `source` in, hashing as it goes. OSError when the disk is full or the source unreadable."""
    target = staging_path(folder)
    digest, done, total = hashlib.sha256(), 0, source.stat().st_size
    try:
        with source.open("rb") as reading, target.open("xb") as writing:
            while piece := reading.read(PIECE):
                digest.update(piece)
                writing.write(piece)
                done += len(piece)
                on_progress(done, max(done, total))
            writing.flush()
            os.fsync(writing.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Staged(target, digest.hexdigest(), done)


def adopt(path: Path) -> Staged:
    """A file that was made in models/ under a staging name, as a whole copy."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return Staged(path, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def place(folder: Path, staged: Staged, record: Record) -> None:
    """Make it a model: the file under its hash, then its record."""
    staged.path.rename(file_of(folder, staged.sha256))
    write(_record_path(folder, record.sha256), msgspec.json.encode(record))


def remove(folder: Path, sha256: str) -> None:
    """Its record, what was measured with it, then the file."""
    _record_path(folder, sha256).unlink(missing_ok=True)
    (folder / f"{sha256}.tuned").unlink(missing_ok=True)
    file_of(folder, sha256).unlink(missing_ok=True)
    _sync(folder)


def write(path: Path, content: bytes) -> None:
    """Replace a small file, whole or not at all, durably."""
    draft = path.with_name(f".draft-{new_id()}")
    with draft.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    _sync(path.parent)


def _record_path(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.json"


def _read(path: Path) -> Record | None:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, *NONSENSE):
        return None
    return record if record.sha256 == path.stem else None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
