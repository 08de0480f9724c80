"""The census of a running process's sockets: what each one is and whom it could reach."""

import ipaddress
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal["listening", "accepted", "dialled", "pair", "unix", "other"]
LISTEN = 0x0A
_UNIX_ROW = re.compile(r"[0-9a-f]+:(?: [0-9A-F]+){5} +([0-9]+) ?(.*)")
_TABLES = {"tcp": "tcp", "tcp6": "tcp", "udp": "udp", "udp6": "udp", "raw": "raw", "raw6": "raw"}


class OpenSocket(msgspec.Struct, frozen=True):
    """`kind`: a listening door, a connection a client made (accepted: its local port is a door's),
    one this process made (dialled), a nameless Unix pair, a Unix socket with a name, or neither."""

    kind: Kind
    protocol: str
    local: str = ""
    peer: str = ""
    inode: int = 0


def open_sockets(home: Path) -> tuple[OpenSocket, ...] | None:
    """The sockets of the process whose /proc folder this is; None when its files may not be listed."""
    try:
        inodes = sorted(_inodes(home))
    except OSError:
        return None
    sockets = (OpenSocket("other", "unknown", inode=inode) for inode in inodes)
    return recognised(sockets, known_in(home / "net"))


def known_in(net: Path) -> list[OpenSocket]:
    """Every socket in the tables of a network namespace (/proc/PID/net)."""
    return list(_known(net))


def recognised(sockets: Iterable[OpenSocket], known: Iterable[OpenSocket]) -> tuple[OpenSocket, ...]:
    """The same sockets, those named that are known.

    A socket keeps the namespace it was made in, so the machine's tables must be asked as well.
    """
    named = {sock.inode: sock for sock in known}
    doors = {_port(sock) for sock in named.values() if sock.kind == "listening"}
    return tuple(
        _accepted(named.get(sock.inode, sock), doors) if sock.kind == "other" else sock for sock in sockets
    )


def asked_for(inodes: Iterable[int], net: Path = Path("/proc/self/net")) -> list[OpenSocket]:
    """Those of our namespace's sockets that have these numbers, and its doors, which tell who called."""
    wanted = frozenset(inodes)
    return [sock for sock in _known(net) if sock.inode in wanted or sock.kind == "listening"]


def _accepted(sock: OpenSocket, doors: set[str]) -> OpenSocket:
    """A connection at one of the machine's open doors was accepted; any other was dialled."""
    if sock.kind == "dialled" and _port(sock) in doors:
        return msgspec.structs.replace(sock, kind="accepted")
    return sock


def _port(sock: OpenSocket) -> str:
    return sock.local.rsplit(":", 1)[-1]


def _inodes(home: Path) -> Iterator[int]:
    for name in os.listdir(home / "fd"):  # noqa: PTH208 - Path.iterdir would follow them
        try:
            target = os.readlink(home / "fd" / name)  # noqa: PTH115 - "socket:[...]" is no path
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            yield int(target[8:-1])


def _known(net: Path) -> Iterator[OpenSocket]:
    for table, protocol in _TABLES.items():
        yield from _internet(net / table, protocol)
    yield from _unix(net / "unix")


def _internet(path: Path, protocol: str) -> Iterator[OpenSocket]:
    """Rows of /proc/net/tcp and its like: sl local remote state ... inode (proc_net_tcp.rst)."""
    for line in _rows(path):
        local, peer, state, inode = line[1], line[2], int(line[3], 16), int(line[9])
        kind: Kind = "dialled"
        if protocol == "tcp" and state == LISTEN:
            kind = "listening"
        yield OpenSocket(kind, protocol, _address(local), _address(peer), inode)


def _unix(path: Path) -> Iterator[OpenSocket]:
    """Rows: Num RefCount Protocol Flags Type St Inode [Path]. Names are anybody's, line ends included."""
    for line in _lines(path):
        if (row := _UNIX_ROW.match(line)) is not None:
            yield OpenSocket("unix" if row[2] else "pair", "unix", row[2], inode=int(row[1]))


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in _lines(path)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_bytes().decode("ascii", "replace").split("\n")[1:-1]
    except OSError:
        return []


def _address(text: str) -> str:
    """The kernel prints addresses as words of the machine's byte order."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    return f"[{address}]:{int(port, 16)}" if address.version == 6 else f"{address}:{int(port, 16)}"
