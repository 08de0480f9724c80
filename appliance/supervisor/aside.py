"""What leaves much behind is done aside: in a copy of this process, which ends with all of it.

For the time before the first child starts, when this process has one thread.
"""

import os
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec

from appliance.errors import NaesilError

Result = TypeVar("Result")


def aside(act: Callable[[], Result], kind: type[Result]) -> Result | None:
    """What `act` returns in a copy of this process; None when it failed there."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _tell(act, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return msgspec.json.decode(told, type=kind) if told else None


def _tell(act: Callable[[], Result], write: int) -> NoReturn:
    try:
        told = msgspec.json.encode(act())
        with os.fdopen(write, "wb") as pipe:
            pipe.write(told)
    except (NaesilError, OSError):
        pass  # who asked does it again for its words, or does without
    finally:
        os._exit(0)
