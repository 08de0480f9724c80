"""Trapped system calls (seccomp_unotify(2)): read what a process tried, answer in the kernel's place.

The watcher holds two descriptors of the watched process: the filter's listener, and its memory,
opened read-only by the process itself before it stopped being dumpable. An answer is an error or
a descriptor; the kernel is never told to carry the call out (SECCOMP_USER_NOTIF_FLAG_CONTINUE),
because another thread may have changed the arguments since they were read.
"""

import ctypes
import errno
import fcntl
import os
import re
import select
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.egress import linux

RECEIVE = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV
SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND
IS_VALID = 0x40082102  # SECCOMP_IOCTL_NOTIF_ID_VALID
ADD_DESCRIPTOR = 0x40182103  # SECCOMP_IOCTL_NOTIF_ADDFD
IOCTLS = (RECEIVE, SEND, IS_VALID, ADD_DESCRIPTOR)
_MEMORY = re.compile(r"/proc/[0-9]+/mem")
AND_SEND = 2  # SECCOMP_ADDFD_FLAG_SEND: the new number is the call's answer

HandOver = Callable[[int, int], None]
"""Takes the listener and the memory of a process that was just locked to whoever watches it."""


class _Notification(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64),
        ("pid", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("number", ctypes.c_int32),
        ("architecture", ctypes.c_uint32),
        ("instruction", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


class _Answer(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64),
        ("value", ctypes.c_int64),
        ("error", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    )


class _Descriptor(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("source", ctypes.c_uint32),
        ("number", ctypes.c_uint32),
        ("number_flags", ctypes.c_uint32),
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One trapped call: its thread waits until it is answered. `name` is empty for one we do not know."""

    id: int
    pid: int
    name: str
    arguments: tuple[int, ...]


class Witness:
    """On the watched process's side: gives away its memory and its listener while it locks itself."""

    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over
        self._memory = -1

    def open_memory(self) -> None:
        self._memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)

    def testify(self, listener: int) -> None:
        """Hand over both and keep neither."""
        self._hand_over(listener, self._memory)
        os.close(listener)
        self.close()

    def close(self) -> None:
        os.close(self._memory)


def are_trap_and_memory(listener: int, memory: int) -> bool:
    """Whether these open files are what a witness hands over, as the kernel names them."""
    one, other = (str(Path(f"/proc/self/fd/{number}").readlink()) for number in (listener, memory))
    return one == "anon_inode:seccomp notify" and _MEMORY.fullmatch(other) is not None


class Trap:
    """On the watcher's side. Every answer may find the caller gone (killed): then it is dropped."""

    def __init__(self, listener: int, memory: int) -> None:
        self.listener = listener
        self._memory = memory
        table = linux.architecture()
        self._names = {} if table is None else {number: name for name, number in table.numbers.items()}

    def close(self) -> None:
        os.close(self.listener)
        os.close(self._memory)

    def receive(self) -> Call | None:
        """The next call; None when its caller is gone already. EOFError when the whole process is.

        Asked when the listener is readable; the end of the process reads the same to a selector.
        """
        look = select.poll()
        look.register(self.listener, select.POLLIN)
        if not any(event & select.POLLIN for _, event in look.poll(0)):
            raise EOFError
        seen = _Notification()
        try:
            fcntl.ioctl(self.listener, RECEIVE, seen)
        except (FileNotFoundError, InterruptedError):
            return None
        return Call(seen.id, seen.pid, self._names.get(seen.number, ""), tuple(seen.arguments))

    def read(self, call: Call, address: int, length: int) -> bytes | None:
        """Bytes of the caller's memory; None when they are not there or the caller is gone.

        Only while the call is valid is the memory that of the process that made it.
        """
        try:
            data = os.pread(self._memory, length, address)
            fcntl.ioctl(self.listener, IS_VALID, ctypes.c_uint64(call.id))
        except (OSError, OverflowError):
            return None
        return data

    def answer(self, call: int, error: int = 0) -> None:
        """The call with this id fails with this errno, or returns 0."""
        try:
            fcntl.ioctl(self.listener, SEND, _Answer(call, 0, -error, 0))
        except FileNotFoundError:
            return

    def give(self, call: Call, descriptor: int, flags: int) -> int:
        """The call returns a copy of this descriptor; its number there, or -1 (the call then failed)."""
        gift = _Descriptor(call.id, AND_SEND, descriptor, 0, flags)
        try:
            return int(fcntl.ioctl(self.listener, ADD_DESCRIPTOR, gift))
        except FileNotFoundError:
            return -1
        except OSError as error:
            self.answer(call.id, error.errno or errno.EPERM)
            return -1
