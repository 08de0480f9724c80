"""The C library's door to the kernel: raw calls and prctl, errors as OSError. No policy lives here."""

import ctypes
import os
import platform
from functools import cache
from typing import Any

from appliance.egress.calls import TABLES, Architecture

PR_GET_DUMPABLE = 3
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def architecture() -> Architecture | None:
    """The call table of this machine, or None when we have none (then nothing can be filtered)."""
    return TABLES.get(platform.machine())


def call(name: str, *arguments: Any) -> int:
    """Make the system call `name`. Raises OSError, also (ENOSYS) where this machine has no such call."""
    table = architecture()
    number = -1 if table is None else table.numbers.get(name, -1)
    libc = _libc()
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(_word(argument) for argument in arguments))
    return _checked(int(result), name)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2) with its unused arguments zero. Raises OSError."""
    ctypes.set_errno(0)
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(int(_libc().prctl(option, *padded)), "prctl")


def sigaction(number: int, action: Any, before: Any) -> None:
    """sigaction(2) on structures of the caller's. Raises OSError."""
    ctypes.set_errno(0)
    _checked(int(_libc().sigaction(number, action, before)), "sigaction")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2). Raises OSError naming the target."""
    words = [word.encode() or None for word in (source, target, kind)]
    ctypes.set_errno(0)
    result = _libc().mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _checked(int(result), target)


def _word(argument: Any) -> Any:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
