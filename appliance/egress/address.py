"""Socket addresses as callers of the kernel write them (struct sockaddr), for matching and for the log."""

import ipaddress
import struct
from dataclasses import dataclass

AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK = 0, 1, 2, 10, 16, 17, 40
LONGEST = 128  # struct sockaddr_storage

_FAMILIES = {
    AF_UNSPEC: "unspec",
    AF_UNIX: "unix",
    AF_INET: "inet",
    AF_INET6: "inet6",
    AF_NETLINK: "netlink",
    AF_PACKET: "packet",
    AF_VSOCK: "vsock",
}
_KINDS = {1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seqpacket"}


@dataclass(frozen=True, slots=True)
class Address:
    """`ip` and `port` for the internet families (a mapped IPv4 address as IPv4), else `text` alone."""

    text: str
    ip: str = ""
    port: int = 0


def parse(data: bytes) -> Address:
    """Whatever the bytes are, something that can be written down."""
    if len(data) < 2:
        return Address(f"{len(data)} bytes")
    family = int.from_bytes(data[:2], "little")
    if family == AF_INET and len(data) >= 8:
        return _internet(ipaddress.IPv4Address(data[4:8]), data)
    if family == AF_INET6 and len(data) >= 24:
        address = ipaddress.IPv6Address(data[8:24])
        return _internet(address.ipv4_mapped or address, data)
    if family == AF_UNIX:
        path = data[2:]
        name = b"@" + path[1:].rstrip(b"\0") if path[:1] == b"\0" else path.split(b"\0", 1)[0]
        return Address(f"unix:{printable(name)}")
    return Address(_FAMILIES.get(family, f"family {family}"))


def socket_kind(family: int, kind: int, protocol: int) -> str:
    """The three arguments of socket(2), as words where they have one."""
    return f"{_FAMILIES.get(family, family)}/{_KINDS.get(kind & 0xF, kind & 0xF)}/{protocol}"


def printable(data: bytes) -> str:
    """Bytes of an attacker's choice, harmless for a log."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}" for byte in data[:LONGEST])


def _internet(address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: bytes) -> Address:
    (port,) = struct.unpack_from(">H", data, 2)
    ip = str(address)
    return Address(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}", ip, port)
