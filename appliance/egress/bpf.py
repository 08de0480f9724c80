"""An assembler for seccomp filters (classic BPF, linux/filter.h, linux/seccomp.h).

A filter here is a list of blocks, one per system call, each ending in a verdict, so every jump
is short and a reader follows the program from top to bottom. Register A holds the call's
number between blocks. Arguments are compared as the kernel reads them: `int` arguments by
their low 32 bits, pointers by all 64.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

ALLOW = 0x7FFF0000
TRAP = 0x00030000  # SECCOMP_RET_TRAP: the call is not made and SIGSYS ends the process; see trap.py
UNTRACED = 0x7FF00000  # SECCOMP_RET_TRACE with nobody tracing: ENOSYS, and weaker than NOTIFY
NOTIFY = 0x7FC00000  # SECCOMP_RET_USER_NOTIF: the caller waits for the listener's answer
_ERRNO = 0x00050000

OFFSET_NUMBER = 0
OFFSET_ARCHITECTURE = 4
OFFSET_ARGUMENTS = 16

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def refuse(errno: int) -> int:
    """The verdict that fails the call with `errno`."""
    return _ERRNO | errno


@dataclass(frozen=True, slots=True)
class Test:
    """Argument `index`, masked, must equal `value`; `wide`: all 64 bits, which must then be zero."""

    index: int
    value: int
    mask: int = 0xFFFFFFFF
    wide: bool = False

    def compile(self, otherwise: int) -> list[Instruction]:
        """Go on when it holds; else jump so that `otherwise` instructions after this test are skipped."""
        low = OFFSET_ARGUMENTS + 8 * self.index
        code: list[Instruction] = [(LOAD, 0, 0, low)]
        if self.mask != 0xFFFFFFFF:
            code.append((AND, 0, 0, self.mask))
        if self.wide:
            code += [(JUMP_EQUAL, 0, otherwise + 2, self.value), (LOAD, 0, 0, low + 4)]
            return [*code, (JUMP_EQUAL, 0, otherwise, 0)]
        return [*code, (JUMP_EQUAL, 0, otherwise, self.value)]


def is_null(index: int) -> Test:
    """A pointer argument must be NULL."""
    return Test(index, 0, wide=True)


Alternative = tuple[Test, ...]


def block(number: int, alternatives: Sequence[Alternative], otherwise: int) -> list[Instruction]:
    """Allow call `number` when every test of one alternative holds; else the verdict `otherwise`."""
    body: list[Instruction] = []
    for alternative in alternatives:
        body += _alternative(alternative)
    body.append((RETURN, 0, 0, otherwise))
    return [(JUMP_EQUAL, 0, len(body), number), *body]


def verdict(number: int, action: int) -> list[Instruction]:
    """Answer call `number` with `action`, whatever its arguments."""
    return [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, action)]


def prologue(architecture: int, number_limit: int | None) -> list[Instruction]:
    """Trap a call made by another architecture's table, or with a number at or above the limit (x32)."""
    code: list[Instruction] = [
        (LOAD, 0, 0, OFFSET_ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, TRAP),
        (LOAD, 0, 0, OFFSET_NUMBER),
    ]
    if number_limit is not None:
        code += [(JUMP_AT_LEAST, 0, 1, number_limit), (RETURN, 0, 0, TRAP)]
    return code


def assemble(program: Iterable[Instruction]) -> bytes:
    """The program as the kernel's array of struct sock_filter."""
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _alternative(tests: Alternative) -> list[Instruction]:
    code: list[Instruction] = [(RETURN, 0, 0, ALLOW)]
    for test in reversed(tests):
        code = test.compile(otherwise=len(code)) + code
    return code
