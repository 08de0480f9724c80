"""Living through the filter's deadly verdict, for the length of one self-attack and in its thread alone.

The filter answers a call that nobody named with SIGSYS (SECCOMP_RET_TRAP, seccomp(2)): the call is
not made and the process ends. While `caught` is open, a handler makes such a call fail with
EPERM instead, so that a live process can try every forbidden call and tell that it was stopped.
A handler cannot let the call through: only its answer is ours. SIGSEGV is met as well, because
on a kernel without the 32-bit table `int 0x80` is a fault and not a call.
"""

import ctypes
import errno
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.egress import linux

SA_SIGINFO, SA_NODEFER = 4, 0x40000000
INT_80 = b"\xcd\x80"
# Offsets in ucontext_t (sys/ucontext.h): the register with a call's answer, and the next instruction.
_ANSWER_AT = {"x86_64": 40 + 13 * 8, "aarch64": 184}
_NEXT_AT = {"x86_64": 40 + 16 * 8, "aarch64": 184 + 32 * 8}

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class _Action(ctypes.Structure):
    """struct sigaction of the C library on 64-bit Linux."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class Caught:
    """How many calls of this thread met the deadly verdict so far."""

    def __init__(self) -> None:
        self.count = 0
        self.thread = threading.get_ident()
        self.machine = platform.machine()

    def on_signal(self, number: int, context: int) -> None:
        """In the very thread that made the call, before it goes on."""
        if threading.get_ident() != self.thread:
            _ignore(number)  # not ours: it happens again without us, and is deadly
            return
        if number == signal.SIGSYS:
            self.count += 1
            _answer(context, self.machine, -errno.EPERM)
        elif not _skip_int_80(context, self.machine):
            _ignore(number)


@contextmanager
def caught() -> Iterator[Caught]:
    """Until the block ends, this thread lives through deadly verdicts; others do not."""
    state = Caught()
    handler = _Handler(lambda number, _info, context: state.on_signal(number, context))
    action = _Action(handler=ctypes.cast(handler, ctypes.c_void_p).value, flags=SA_SIGINFO | SA_NODEFER)
    old = [(number, _set(number, action)) for number in (signal.SIGSYS, signal.SIGSEGV)]
    try:
        yield state
    finally:
        for number, before in old:
            _set(number, before)


def _set(number: int, action: _Action) -> _Action:
    before = _Action()
    linux.sigaction(number, ctypes.byref(action), ctypes.byref(before))
    return before


def _ignore(number: int) -> None:
    _set(number, _Action())


def _answer(context: int, machine: str, value: int) -> None:
    ctypes.c_int64.from_address(context + _ANSWER_AT[machine]).value = value


def _skip_int_80(context: int, machine: str) -> bool:
    """Go on behind the instruction if it is that one, with the answer of a call that does not exist."""
    if machine != "x86_64":
        return False
    following = ctypes.c_uint64.from_address(context + _NEXT_AT[machine])
    if ctypes.string_at(following.value, len(INT_80)) != INT_80:
        return False
    following.value += len(INT_80)
    _answer(context, machine, -errno.ENOSYS)
    return True
