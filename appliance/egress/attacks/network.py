"""Getting a byte to somebody outside: sockets of every kind, and sockets that were not ours to open."""

import contextlib
import ctypes
import errno
import itertools
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from appliance.egress import linux
from appliance.egress.attacks.targets import Attempt, Targets, Void

MSG_FASTOPEN = 0x20000000
IPPROTO_MPTCP = 262
TCP_FASTOPEN_CONNECT = 30
LOOPBACK = "127.0.0.1"
INTERNET = (2, 10)
SOCKET_TYPES = (1, 2, 3, 4, 5, 6, 10)
OPEN_FILES = 128  # looked through for a connection


def tcp_connect(to: Targets) -> None:
    with socket.socket() as sock:
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(to.payload)


def tcp6_connect(to: Targets) -> None:
    to.need(to.tcp6)
    with socket.socket(socket.AF_INET6) as sock:
        sock.connect(("::1", to.tcp6))
        sock.sendall(to.payload)


def tcp_mapped_address(to: Targets) -> None:
    with socket.socket(socket.AF_INET6) as sock:
        sock.connect((f"::ffff:{LOOPBACK}", to.tcp))
        sock.sendall(to.payload)


def tcp_raw_system_call(to: Targets) -> None:
    number = linux.call("socket", 2, 1, 0)
    try:
        linux.call("connect", number, _address(to.tcp), 16)
        os.write(number, to.payload)
    finally:
        os.close(number)


def multipath_tcp(to: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as sock:
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(to.payload)


def fast_open_by_sendto(to: Targets) -> None:
    with socket.socket() as sock:
        sock.sendto(to.payload, MSG_FASTOPEN, (LOOPBACK, to.tcp))


def fast_open_by_sendmsg(to: Targets) -> None:
    with socket.socket() as sock:
        sock.sendmsg([to.payload], [], MSG_FASTOPEN, (LOOPBACK, to.tcp))


def fast_open_by_connect(to: Targets) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(to.payload)


def udp_sendto(to: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(to.payload, (LOOPBACK, to.udp))


def udp_connected(to: Targets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((LOOPBACK, to.udp))
        sock.send(to.payload)


def udp6_sendto(to: Targets) -> None:
    to.need(to.udp6)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.sendto(to.payload, ("::1", to.udp6))


def dns_question(to: Targets) -> None:
    question = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x06secret\x07example\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(question + to.payload, (LOOPBACK, to.udp))


def dns_question_by_tcp(to: Targets) -> None:
    question = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x06secret\x07example\x00\x00\x10\x00\x01"
    with socket.socket() as sock:
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(len(question).to_bytes(2, "big") + question + to.payload)


def udp_mapped_address(to: Targets) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.sendto(to.payload, (f"::ffff:{LOOPBACK}", to.udp))


def udp_many_at_once(to: Targets) -> None:
    """sendmmsg(2), one message with an address of its own."""
    payload = ctypes.create_string_buffer(to.payload)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(payload), len(to.payload))
    address = ctypes.create_string_buffer(_address(to.udp))
    header = struct.pack(
        "=QIIQQQQIIIi", ctypes.addressof(address), 16, 0, ctypes.addressof(vector), 1, 0, 0, 0, 0, 0, 0
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        linux.call("sendmmsg", sock.fileno(), ctypes.create_string_buffer(header, 64), 1, 0)


def udp_lite(_to: Targets) -> None:
    """Its socket alone is a way out; the outside listener speaks UDP."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136).close()


def ping(_to: Targets) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()


def raw_icmp6(_to: Targets) -> None:
    socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).close()


def raw_with_our_own_headers(_to: Targets) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()


def raw_icmp(_to: Targets) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def packet_socket(_to: Targets) -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).close()


def netlink(_to: Targets) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


def vsock_to_the_hypervisor(_to: Targets) -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


def crypto_socket(_to: Targets) -> None:
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).close()


def own_door(_to: Targets) -> None:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        sock.listen()


def unix_path_stream(to: Targets) -> None:
    to.need(to.stream_path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(to.stream_path)
        sock.sendall(to.payload)


def unix_path_datagram(to: Targets) -> None:
    to.need(to.datagram_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(to.payload, to.datagram_path)


def unix_path_packets(to: Targets) -> None:
    to.need(to.packet_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(to.packet_path)
        sock.sendall(to.payload)


def unix_path_by_sendmsg(to: Targets) -> None:
    to.need(to.datagram_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendmsg([to.payload], [], 0, to.datagram_path)


def unix_abstract(to: Targets) -> None:
    to.need(to.abstract)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"\0{to.abstract}")
        sock.sendall(to.payload)


def datagram_pair_aimed_at_a_path(to: Targets) -> None:
    to.need(to.datagram_path)
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.sendto(to.payload, to.datagram_path)


def connected_socket_as_a_gift(to: Targets) -> None:
    to.need(to.giver)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(to.giver)
        sock.sendall(to.payload)  # a giver that only listens hears us already
        _, descriptors, _, _ = socket.recv_fds(sock, 16, 1)
        os.write(descriptors[0], to.payload)


def descriptor_handed_to_somebody(to: Targets) -> None:
    """Give a file of ours away: whoever gets it can go on where we cannot."""
    to.need(to.stream_path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(to.stream_path)
        socket.send_fds(sock, [to.payload], [0])


def listener_turned_client(to: Targets) -> None:
    to.need(to.listener)
    _disconnect(to.listener)
    with socket.socket(fileno=os.dup(to.listener)) as sock:
        sock.setblocking(True)
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(to.payload)


def accepted_socket_dialled_again(to: Targets) -> None:
    to.need(to.listener)
    with _accepted(to) as sock:
        _disconnect(sock.fileno())
        sock.connect((LOOPBACK, to.tcp))
        sock.sendall(to.payload)


def accepted_socket_fast_opened(to: Targets) -> None:
    to.need(to.listener)
    with _accepted(to) as sock:
        _disconnect(sock.fileno())
        sock.sendto(to.payload, MSG_FASTOPEN, (LOOPBACK, to.tcp))


def listener_fast_opened_by_sendmsg(to: Targets) -> None:
    to.need(to.listener)
    _disconnect(to.listener)
    with socket.socket(fileno=os.dup(to.listener)) as sock:
        sock.setblocking(True)
        sock.sendmsg([to.payload], [], MSG_FASTOPEN, (LOOPBACK, to.tcp))


def accepted_socket_rerouted(to: Targets) -> None:
    to.need(to.listener)
    with _accepted(to) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x83\x07\x04" + bytes([127, 0, 0, 2]))


def use_an_open_connection(to: Targets) -> None:
    """One to the outside that was open before the lock; no wall stops what is in hand."""
    for number in range(3, OPEN_FILES):
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue  # a copy of another file would stay open, and a lock with it
            with socket.socket(fileno=os.dup(number)) as sock:
                peer = sock.getpeername() if sock.family == socket.AF_INET else ()
                if peer == (LOOPBACK, to.tcp):
                    sock.sendall(to.payload)
                    return
        except OSError:
            continue  # not open, not connected
    raise PermissionError(errno.EPERM, "no connection is open")


def see_the_machines_connections(to: Targets) -> None:
    """/proc shows the sockets of the namespace we are in: who listens and talks on this machine."""
    wanted = f":{to.tcp:04X}"
    rows = Path("/proc/self/net/tcp").read_text("ascii").splitlines()[1:]
    if not any(row.split()[1].endswith(wanted) for row in rows):
        raise OSError(errno.ENETUNREACH, "only our own")


def every_kind_of_socket(_to: Targets) -> None:
    """Every family by every type: out when one opens that is not TCP's, which others here try to connect.

    The tests try every protocol as well.
    """
    opened = open_sockets(range(48), SOCKET_TYPES, (0,))
    if all(family in INTERNET and kind == socket.SOCK_STREAM for family, kind, _ in opened):
        raise PermissionError(errno.EPERM, "none of the sockets opened")


def open_sockets(
    families: Iterable[int], types: Iterable[int], protocols: Iterable[int]
) -> list[tuple[int, int, int]]:
    """Those of these sockets that open."""
    opened = []
    for wanted in itertools.product(families, types, protocols):
        try:
            os.close(linux.call("socket", *wanted))
        except OSError:
            continue
        opened.append(wanted)
    return opened


def _address(port: int) -> bytes:
    """struct sockaddr_in of the loopback's port."""
    return (2).to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + socket.inet_aton(LOOPBACK) + bytes(8)


def _disconnect(number: int) -> None:
    """connect() to AF_UNSPEC makes a TCP socket new again; refused, it stays what it was."""
    with contextlib.suppress(OSError):
        linux.call("connect", number, bytes(16), 16)


def _accepted(to: Targets) -> socket.socket:
    with socket.socket(fileno=os.dup(to.listener)) as listener:
        listener.settimeout(2)
        try:
            sock, _ = listener.accept()
        except TimeoutError:
            raise Void("nobody connected to the listener") from None
    sock.setblocking(True)
    return sock


NETWORK: tuple[Attempt, ...] = (
    tcp_connect,
    tcp6_connect,
    tcp_mapped_address,
    tcp_raw_system_call,
    multipath_tcp,
    fast_open_by_sendto,
    fast_open_by_sendmsg,
    fast_open_by_connect,
    udp_sendto,
    udp_connected,
    udp6_sendto,
    dns_question,
    dns_question_by_tcp,
    udp_mapped_address,
    udp_many_at_once,
    udp_lite,
    ping,
    raw_icmp6,
    raw_with_our_own_headers,
    raw_icmp,
    packet_socket,
    netlink,
    vsock_to_the_hypervisor,
    crypto_socket,
    own_door,
    unix_path_stream,
    unix_path_datagram,
    unix_path_packets,
    unix_path_by_sendmsg,
    unix_abstract,
    datagram_pair_aimed_at_a_path,
    connected_socket_as_a_gift,
    descriptor_handed_to_somebody,
    accepted_socket_dialled_again,
    accepted_socket_fast_opened,
    accepted_socket_rerouted,
    use_an_open_connection,
    see_the_machines_connections,
    every_kind_of_socket,
    # These two spoil the listener for the others.
    listener_turned_client,
    listener_fast_opened_by_sendmsg,
)
