"""TCP connections that lead nowhere but here: over the loopback of the gate's own empty namespace.

A trapped process gets one end, the broker the other. So a library finds a real TCP socket with
all its options, and whatever a taken-over process does with it, there is nobody else to reach.
"""

import contextlib
import errno
import fcntl
import os
import socket

LOOPBACK = "127.0.0.1"
ACCEPT_S = 1.0


def is_non_blocking(sock: socket.socket) -> bool:
    """What the process said of its copy: the flag lies with the open file, which we share."""
    return bool(fcntl.fcntl(sock.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK)


def join(sock: socket.socket) -> socket.socket:
    """Connect a socket that was given away, here and now; its other end. Raises OSError."""
    with _listener() as door:
        door.listen(1)
        _connect(sock, door)
        return _accept(door)


class Pending:
    """A connection under way for as long as we like, as one to a slow host is.

    The door's queue has one place and a filler stands in it, so the kernel drops what knocks and
    the socket stays in SYN_SENT. Open, it answers the next knock (the kernel knocks again after a
    second); closed, that is refused.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.door = _listener()
        self.door.listen(0)
        self._filler = socket.create_connection(self.door.getsockname())
        _connect(sock, self.door)

    def open(self) -> None:
        self._filler.close()
        self.accept().close()

    def accept(self) -> socket.socket:
        return _accept(self.door)

    def close(self) -> None:
        self._filler.close()
        self.door.close()


def _listener() -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.bind((LOOPBACK, 0))
    door.settimeout(ACCEPT_S)
    return door


def _connect(sock: socket.socket, door: socket.socket) -> None:
    port = door.getsockname()[1]
    host = LOOPBACK if sock.family == socket.AF_INET else f"::ffff:{LOOPBACK}"
    result = sock.connect_ex((host, port))
    if result not in (0, errno.EINPROGRESS):
        raise OSError(result, os.strerror(result))


def _accept(door: socket.socket) -> socket.socket:
    far, _ = door.accept()
    with contextlib.suppress(OSError):
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return far
