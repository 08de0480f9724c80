"""A file that is there whole or not at all, even when the process is killed while writing it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from appliance.ids import new_id


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file of mode 0600 that takes the name `path` only when the block ends well.

    Until then it has no name (O_TMPFILE), so a killed process leaves nothing; on a file system
    without that, and in a jail where nothing can be linked, it has a temporary name, which an error
    removes. OSError as from the system.
    """
    folder = path.absolute().parent
    draft = folder / f".{path.name}.{new_id()}"
    try:
        _check_naming(draft)
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        named = False
    except OSError:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        named = True
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not named:
                _name(file.fileno(), draft)
        draft.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            draft.unlink()
        raise


def _check_naming(path: Path) -> None:
    """OSError where a nameless file could not be given its name later: told apart by what is not there."""
    Path("/proc/self/fd").stat()
    with suppress(FileNotFoundError):
        _link("/proc/self/fd/none", path)


def _name(descriptor: int, path: Path) -> None:
    """Give a nameless file its name."""
    _link(f"/proc/self/fd/{descriptor}", path)


def _link(source: str, path: Path) -> None:
    """linkat with AT_SYMLINK_FOLLOW, which a dir_fd makes Python call."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.link(source, path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
