"""What leaves much behind is done aside: in a copy of this process, which ends with all of it.

For the time before the first child starts, when this process has one thread.
"""

import os
from collections.abc import Callable
from typing import TypeVar

import msgspec

from appliance.errors import NaesilError

OUR_FAULT = 70

Result = TypeVar("Result")


def in_a_copy(act: Callable[[int], int]) -> tuple[bytes, int]:
    """What `act` writes into the pipe it is given, and the exit status it returns there.

    The status is 70 when it ends by an exception, and below 0 when a signal ended it.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = OUR_FAULT
        try:
            os.close(read)
            code = act(write)
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    return told, os.waitstatus_to_exitcode(status)


def aside(act: Callable[[], Result], kind: type[Result]) -> Result | None:
    """What `act` returns in a copy of this process; None when it failed there."""
    told, _ = in_a_copy(lambda pipe: _tell(act, pipe))
    return msgspec.json.decode(told, type=kind) if told else None


def _tell(act: Callable[[], Result], pipe: int) -> int:
    try:
        told = msgspec.json.encode(act())
        with os.fdopen(pipe, "wb") as file:
            file.write(told)
    except (NaesilError, OSError):
        pass  # who asked does it again for its words, or does without
    return 0
