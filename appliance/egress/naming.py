"""What a name means to this machine: asked once, before any process that may dial exists."""

import socket
from collections.abc import Callable

Lookup = Callable[[str, int], tuple[tuple[str, ...], str]]
"""(host, port) -> (its addresses, its canonical name). Raises OSError when there is none."""


def system_lookup(host: str, port: int) -> tuple[tuple[str, ...], str]:
    """This machine's own resolver."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    addresses = dict.fromkeys(str(row[4][0]) for row in rows)
    return tuple(addresses), rows[0][3].lower().removesuffix(".")
