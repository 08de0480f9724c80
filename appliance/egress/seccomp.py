"""The system call wall (seccomp(2)): an allow-list per process, laid over all its threads.

First the architecture: a call by the 32-bit or x32 table kills. clone3 answers ENOSYS, so
that the C library falls back to clone, whose flags a filter can see and hold to threads.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from appliance.egress import bpf, linux
from appliance.egress.allowed import REFUSED, names
from appliance.egress.calls import Architecture
from appliance.egress.report import Layer

LAYER = "system calls"
WITNESS_LAYER = "denials as evidence"
SET_MODE_FILTER = 1
FLAG_TSYNC = 1
FLAG_NEW_LISTENER = 8
FLAG_TSYNC_ESRCH = 16  # a thread that cannot follow is an error, since the answer is a descriptor
FLAG_WAIT_KILLABLE = 32  # once a call was read, only death takes its caller away (Linux 5.19)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What one process may call. `checked`: only with these arguments, else EPERM.

    `default` is the verdict for everything unnamed: bpf.TRAP, or ENOSYS where a call that a
    library merely tries must not end everybody's session. `trapped` calls, where they would be
    refused, are put before whoever holds the listener.
    """

    allowed: tuple[str, ...]
    checked: dict[str, tuple[bpf.Alternative, ...]] = field(default_factory=dict)
    default: int = bpf.TRAP
    trapped: frozenset[str] = frozenset()
    refused: int = bpf.refuse(errno.EPERM)

    def refusal(self, name: str) -> int:
        """The verdict for a call that may be tried and must not succeed."""
        return bpf.NOTIFY if name in self.trapped else self.refused


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def build(policy: CallPolicy, machine: Architecture) -> list[bpf.Instruction]:
    """The filter for this policy on this machine."""
    number_of = machine.numbers
    program = bpf.prologue(machine.audit, machine.number_limit)
    for name in policy.allowed:
        if name in number_of:
            program += bpf.verdict(number_of[name], bpf.ALLOW)
    for name, alternatives in policy.checked.items():
        if name in number_of:
            program += bpf.block(number_of[name], alternatives, policy.refusal(name))
    program += bpf.verdict(number_of["clone3"], bpf.refuse(errno.ENOSYS))
    for name in names(REFUSED):
        if name in number_of:
            program += bpf.verdict(number_of[name], policy.refusal(name))
    program.append((bpf.RETURN, 0, 0, policy.default))
    return program


def install(policy: CallPolicy, testify: Callable[[int], None] | None = None) -> tuple[Layer, ...]:
    """Lay the filter over every thread of this process, for good. Needs no_new_privs.

    `testify` gets the listener of the trapped calls. Where the kernel has none, they are refused
    without a word, and the report says so.
    """
    machine = linux.architecture()
    if machine is None:
        return (Layer(LAYER, False, f"no call table for {os.uname().machine}"),)
    if testify is None or not policy.trapped:
        return (_install(replace(policy, trapped=frozenset()), machine),)
    listener, reason = _install_with_listener(policy, machine)
    if listener < 0:
        layer = _install(replace(policy, trapped=frozenset()), machine)
        return layer, Layer(WITNESS_LAYER, False, reason, required=False)
    testify(listener)
    names = " ".join(sorted(policy.trapped))
    return _standing(policy), Layer(WITNESS_LAYER, True, f"trapped: {names}", required=False)


def _install(policy: CallPolicy, machine: Architecture) -> Layer:
    try:
        straggler = _lay(build(policy, machine), FLAG_TSYNC)
    except OSError as error:
        return Layer(LAYER, False, f"seccomp: {error.strerror}")
    if straggler:
        return Layer(LAYER, False, f"thread {straggler} could not be locked")
    return _standing(policy)


def _install_with_listener(policy: CallPolicy, machine: Architecture) -> tuple[int, str]:
    """(listener, "") or (-1, why there is none)."""
    code = build(policy, machine)
    flags = FLAG_TSYNC | FLAG_NEW_LISTENER | FLAG_TSYNC_ESRCH
    try:
        return _lay(code, flags | FLAG_WAIT_KILLABLE), ""
    except OSError as error:
        if error.errno != errno.EINVAL:
            return -1, f"seccomp: {error.strerror}"
    try:
        return _lay(code, flags), ""
    except OSError as error:
        return -1, f"seccomp: {error.strerror}"


def _lay(code: list[bpf.Instruction], flags: int) -> int:
    program = _Program(len(code), bpf.assemble(code))
    return linux.call("seccomp", SET_MODE_FILTER, flags, ctypes.byref(program))


def _standing(policy: CallPolicy) -> Layer:
    if policy.default == bpf.ALLOW:
        return Layer(LAYER, True, f"{len(policy.checked)} calls held to what starting others needs")
    ending = "killed" if policy.default == bpf.TRAP else "refused"
    return Layer(LAYER, True, f"{len(policy.allowed) + len(policy.checked)} calls allowed, others {ending}")
