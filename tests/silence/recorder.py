"""Every packet of this network namespace, on every interface, as a packet socket sees it (packet(7))."""

import socket
import struct
import threading
import time
from dataclasses import dataclass

ALL = 3  # ETH_P_ALL
OUTGOING = 4  # PACKET_OUTGOING
LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet that was sent. `ports` are those of TCP and UDP over IPv4 and IPv6, else empty."""

    time: float
    interface: str
    ports: tuple[int, ...]


class Recorder:
    """Records until stopped; only what is sent, so that a packet on the loopback counts once."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024 * 1024)
        self._socket.settimeout(0.2)
        self._stopped = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stopped:
            try:
                data, address = self._socket.recvfrom(256)
            except TimeoutError:
                continue
            interface, protocol, kind = address[0], address[1], address[2]
            if kind == OUTGOING:
                self.packets.append(Packet(time.time(), interface, _ports(data, protocol)))


def _ports(data: bytes, protocol: int) -> tuple[int, ...]:
    if protocol == 0x0800 and data[9] in (6, 17):
        at = 4 * (data[0] & 15)
    elif protocol == 0x86DD and data[6] in (6, 17):
        at = 40
    else:
        return ()
    return struct.unpack_from(">HH", data, at)
