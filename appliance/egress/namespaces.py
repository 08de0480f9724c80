"""The network wall: a namespace of our own without a single interface up, without routes, without
anybody's abstract Unix sockets. Sockets already open keep working in the old one.

Root makes it directly; anybody else through a user namespace that maps them to themselves.
The mount namespace is made in the same breath, for mounts.py to furnish.
"""

import os
from pathlib import Path

from appliance.egress import linux
from appliance.egress.report import Layer

LAYER = "network namespace"
CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_WANTED = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC


def isolate() -> Layer:
    """Leave the host's network for an empty one. Must run while there is only one thread."""
    user, group = os.geteuid(), os.getegid()
    try:
        linux.call("unshare", _WANTED)
        return Layer(LAYER, True, "empty")
    except OSError as error:
        direct = error
    try:
        linux.call("unshare", _WANTED | CLONE_NEWUSER)
        _map_to_self(user, group)
    except OSError as error:
        return Layer(LAYER, False, f"{direct.strerror}; through a user namespace: {error.strerror}")
    return Layer(LAYER, True, "empty, through a user namespace")


def _map_to_self(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")
