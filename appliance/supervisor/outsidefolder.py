"""A folder for the files that a self-attack must not reach: not in the data folder, and gone when we are.

A product that was killed cannot remove its own, so whoever starts next removes every one that
nobody holds any more. The lock that holds it is the system's to let go of.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from appliance.storage.owner import Owner

PREFIX = "naesil-outside-"


class OutsideFolder:
    """Made and held at once. `close` removes it; `let_go` closes a forked process's copy of the lock."""

    def __init__(self, owner: Owner | None) -> None:
        self._remove_abandoned({os.geteuid(), *(() if owner is None else (owner[0],))})
        self.path, self._lock = _made()
        if owner is not None:
            os.chown(self.path, *owner)

    def let_go(self) -> None:
        os.close(self._lock)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self.let_go()

    @staticmethod
    def _remove_abandoned(users: set[int]) -> None:
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            try:
                lock = _held(path)
            except OSError:  # somebody lives there, it is not ours to see, or it just went
                continue
            if os.fstat(lock).st_uid in users:
                shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _made() -> tuple[Path, int]:
    """A new folder and its lock. Another start may take it for abandoned between the two: then once more."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            lock = _held(path)
        except OSError:
            continue
        if path.exists():
            return path, lock
        os.close(lock)


def _held(path: Path) -> int:
    """The lock on a folder. OSError when another has it, or when it is no folder."""
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
