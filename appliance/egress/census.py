"""A count of open files before the lock: a socket that is already open would outlive every wall.

The process refuses to start on a file it was not told of, on an unexpected kind behind a
number it was told of, and when it already has a second thread.
"""

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

from appliance.egress.report import Layer
from appliance.errors import N_, ConfigError

STANDARD = (0, 1, 2)


def take(expected: Sequence[int]) -> Layer:
    """Every open file must be one of `expected` or a plain standard stream. Raises ConfigError."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise ConfigError(N_("The guard must close before threads start, but %(count)d run."), count=threads)
    found = _open_files()
    for number in sorted(found | set(expected)):
        if number not in found:
            raise ConfigError(N_("The file %(number)d that was promised is not open."), number=number)
        problem = _problem(number, number in expected)
        if problem:
            raise ConfigError(
                N_("The open file %(number)d (%(problem)s) must not be in this process."),
                number=number,
                problem=problem,
            )
    return Layer("open files", True, f"{len(found)} known, 1 thread")


def take_own() -> Layer:
    """For the supervisor, whose files are its own: none may be a connection of the network, or datagrams."""
    found = _open_files()
    for number in sorted(found):
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            continue
        with socket.socket(fileno=os.dup(number)) as sock:
            listens = sock.type == socket.SOCK_STREAM and sock.getsockopt(
                socket.SOL_SOCKET, socket.SO_ACCEPTCONN
            )
            if sock.family != socket.AF_UNIX and not listens:
                raise ConfigError(
                    N_("The open file %(number)d (%(problem)s) must not be in this process."),
                    number=number,
                    problem="a network socket that does not listen",
                )
    return Layer("open files", True, f"{len(found)} of its own, no connection")


def _open_files() -> set[int]:
    """Their numbers, without the one that listing them takes."""
    return {int(entry.name) for entry in list(Path("/proc/self/fd").iterdir()) if entry.is_symlink()}


def _problem(number: int, expected: bool) -> str:
    """What is wrong with this open file, or nothing."""
    mode = os.fstat(number).st_mode
    if stat.S_ISSOCK(mode):
        return _socket_problem(number) if expected else _target(number)
    if expected:
        return "" if stat.S_ISFIFO(mode) else "neither a pipe nor a socket"
    if number in STANDARD and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISREG(mode)):
        return ""
    return _target(number)


def _socket_problem(number: int) -> str:
    """Good are a connected pair of Unix stream sockets and a TCP socket that listens."""
    with socket.socket(fileno=os.dup(number)) as sock:
        if sock.type != socket.SOCK_STREAM:
            return "not a stream socket"
        if sock.family == socket.AF_UNIX:
            return "" if not sock.getpeername() else "a Unix socket with a name"
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return "a network socket that does not listen"
    return ""


def _target(number: int) -> str:
    return str(Path(f"/proc/self/fd/{number}").readlink())
