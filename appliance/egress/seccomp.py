"""The system call wall (seccomp(2)): an allow-list per process, laid over all its threads.

First the architecture: a call by the 32-bit or x32 table kills. clone3 answers ENOSYS, so
that the C library falls back to clone, whose flags a filter can see and hold to threads.
"""

import ctypes
import errno
import os
from dataclasses import dataclass, field

from appliance.egress import bpf, linux
from appliance.egress.allowed import REFUSED, names
from appliance.egress.calls import Architecture
from appliance.egress.report import Layer

LAYER = "system calls"
SET_MODE_FILTER = 1
FLAG_TSYNC = 1


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What one process may call. `checked`: only with these arguments, else EPERM.

    `default` is the verdict for everything unnamed: bpf.KILL, or ENOSYS where a call that a
    library merely tries must not end everybody's session.
    """

    allowed: tuple[str, ...]
    checked: dict[str, tuple[bpf.Alternative, ...]] = field(default_factory=dict)
    default: int = bpf.KILL


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
            program += bpf.block(number_of[name], alternatives, bpf.refuse(errno.EPERM))
    program += bpf.verdict(number_of["clone3"], bpf.refuse(errno.ENOSYS))
    for name in names(REFUSED):
        if name in number_of:
            program += bpf.verdict(number_of[name], bpf.refuse(errno.EPERM))
    program.append((bpf.RETURN, 0, 0, policy.default))
    return program


def install(policy: CallPolicy) -> Layer:
    """Lay the filter over every thread of this process, for good. Needs no_new_privs."""
    machine = linux.architecture()
    if machine is None:
        return Layer(LAYER, False, f"no call table for {os.uname().machine}")
    code = build(policy, machine)
    program = _Program(len(code), bpf.assemble(code))
    try:
        straggler = linux.call("seccomp", SET_MODE_FILTER, FLAG_TSYNC, ctypes.byref(program))
    except OSError as error:
        return Layer(LAYER, False, f"seccomp: {error.strerror}")
    if straggler:
        return Layer(LAYER, False, f"thread {straggler} could not be locked")
    ending = "killed" if policy.default == bpf.KILL else "refused"
    return Layer(LAYER, True, f"{len(policy.allowed) + len(policy.checked)} calls allowed, others {ending}")
