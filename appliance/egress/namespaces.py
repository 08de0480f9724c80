"""The network wall: a namespace of our own without a single interface up, without routes, without
anybody's abstract Unix sockets. Sockets already open keep working in the old one.

Root makes it directly; anybody else through a user namespace that maps them to themselves.
The mount namespace is made in the same breath, for mounts.py to furnish.
"""

import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Literal

from appliance.egress import linux, privileges
from appliance.egress.report import Layer

LAYER = "network namespace"
CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


Network = Literal["none", "loopback", "host"]
"""An empty namespace; one that has but its own loopback up; or the machine's, for who dials."""


def isolate(network: Network = "none", user: tuple[int, int] | None = None) -> Layer:
    """Leave the host's mounts and, unless it is for dialling, its network. Needs a single thread.

    Where root may not do that directly it becomes `user` first: a namespace of its own would know
    nobody else.
    """
    wanted = CLONE_NEWNS | CLONE_NEWIPC | (0 if network == "host" else CLONE_NEWNET)
    way = ""
    try:
        linux.call("unshare", wanted)
    except OSError as error:
        direct = error
        try:
            if user is not None and os.geteuid() == 0:
                privileges.become(user)
            person = os.geteuid(), os.getegid()
            linux.call("unshare", wanted | CLONE_NEWUSER)
            linux.prctl(linux.PR_SET_DUMPABLE, 1)  # or our own /proc files are root's; privileges.py ends it
            _map_to_self(*person)
        except OSError as error:
            return Layer(LAYER, False, f"{direct.strerror}; through a user namespace: {error.strerror}")
        way = ", through a user namespace"
    if network == "host":
        return Layer(LAYER, False, f"the machine's own: this process dials{way}", required=False)
    if network == "loopback":
        _raise_loopback()
    return Layer(LAYER, True, ("empty" if network == "none" else "its own loopback alone") + way)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def _map_to_self(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
