"""Powers given up for good: capabilities, new privileges, core dumps, the right to be traced."""

import ctypes
import os
import resource
import signal
from collections.abc import Iterable

from appliance.egress import linux
from appliance.egress.report import Layer

CAPABILITY_VERSION_3 = 0x20080522
OPEN_FILES = 16_384


def set_limits(*, writes: bool) -> Layer:
    """No core dumps, private files, no more open files than a busy server needs.

    A process that `writes` nothing could not make a file longer even where one is open to it.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    kept = "" if writes else ", writes no file"
    return Layer("limits", True, f"umask 077, no core dumps, {files} open files{kept}")


def keep_private() -> None:
    """Before any jail is closed: no core dumps, and nobody without rights may trace us."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def drop_all(user: tuple[int, int] | None = None) -> Layer:
    """Give up every capability and the ways to new ones; nobody may trace us.

    Root becomes `user` (user id, group id) on the way.
    """
    try:
        linux.prctl(linux.PR_CAP_AMBIENT, linux.PR_CAP_AMBIENT_CLEAR_ALL)
        _empty_bounding_set()
        if user is not None and os.geteuid() == 0:
            become(user)
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        linux.call("capset", header, (ctypes.c_uint32 * 6)())
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
    except OSError as error:
        return Layer("privileges", False, f"{error.filename or 'user'}: {error.strerror}")
    name = "root without capabilities" if os.geteuid() == 0 else f"unprivileged user {os.geteuid()}"
    return Layer("privileges", True, f"{name}, no_new_privs, not dumpable")


def keep_only(capabilities: Iterable[int]) -> None:
    """Give up every capability but these, and new privileges for good. Raises OSError."""
    kept = frozenset(capabilities)
    _empty_bounding_set(kept)
    mask = sum(1 << number for number in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    linux.call("capset", header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)


def become(user: tuple[int, int]) -> None:
    """From root to somebody without an account's groups, for good. Raises OSError.

    The kernel forgets then that we are to die with our parent, so it is told again; a parent that
    died in between is found out.
    """
    parent = os.getppid()
    number, group = user
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(number, number, number)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _empty_bounding_set(kept: frozenset[int] = frozenset()) -> None:
    """Only who has CAP_SETPCAP can, and only they could use it; no_new_privs covers the others."""
    for capability in sorted(set(range(64)) - kept):
        try:
            linux.prctl(linux.PR_CAPBSET_DROP, capability)
        except OSError:
            return  # past the last one this kernel has, or not ours to drop
