"""The file wall (Landlock, landlock(7)): which files a process may open, and no TCP, no signals out.

Holds for the calling thread and what it starts later, so it is laid while there is only one.
Rights newer than this kernel's ABI are left out and said so in the report.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from appliance.egress import linux
from appliance.egress.report import Layer

CREATE_VERSION = 1  # landlock_create_ruleset: tell the ABI instead of making a ruleset
RULE_PATH_BENEATH, RULE_NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG = (1 << bit for bit in range(4, 9))
MAKE_SOCK, REFER, TRUNCATE = 1 << 9, 1 << 13, 1 << 14

READ = READ_FILE | READ_DIR
WRITE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
ON_FILES = WRITE_FILE | READ_FILE | TRUNCATE

FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NETWORK_ABI, SCOPE_ABI = 4, 6
BIND_TCP, CONNECT_TCP = 1, 2
SCOPES = 0b11  # abstract Unix sockets, signals


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def abi() -> int:
    """This kernel's Landlock version; 0 when it has none or it is switched off."""
    try:
        return linux.call("landlock_create_ruleset", None, 0, CREATE_VERSION)
    except OSError:
        return 0


def restrict(
    readable: Iterable[Path],
    writable: Iterable[Path],
    ports: Iterable[int] | None = (),
    sockets: Iterable[Path] = (),
) -> tuple[Layer, ...]:
    """Leave this thread only these files and everything below these folders. Missing paths are skipped.

    Nothing may be executed. In the folders `sockets` a socket may be given a name. TCP reaches these
    ports only, and none is opened; `None` for a process whose network namespace has nobody in it.
    Needs no_new_privs.
    """
    version = abi()
    if version == 0:
        return _layers(version, "this kernel has no Landlock, or it is not switched on (lsm=landlock)")
    handled = FILE_RIGHTS[max(known for known in FILE_RIGHTS if known <= version)]
    attributes = _Ruleset(
        handled,
        BIND_TCP | CONNECT_TCP if version >= NETWORK_ABI and ports is not None else 0,
        SCOPES if version >= SCOPE_ABI else 0,
    )
    try:
        ruleset = linux.call(
            "landlock_create_ruleset", ctypes.byref(attributes), ctypes.sizeof(attributes), 0
        )
        try:
            for path in readable:
                _allow(ruleset, path, READ & handled)
            for path in writable:
                _allow(ruleset, path, (READ | WRITE) & handled)
            for path in sockets:
                _allow(ruleset, path, MAKE_SOCK & handled)
            for port in ports or ():
                _allow_port(ruleset, port, version)
            linux.call("landlock_restrict_self", ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        return _layers(0, f"Landlock: {error.strerror}")
    return _layers(version, f"ABI {version}", ports)


def restrict_ports(ports: Iterable[int]) -> Layer:
    """Leave this thread only these TCP ports and free files: a process that starts others mounts for them."""
    version = abi()
    if version < NETWORK_ABI:
        return replace(_tcp_layer(version, f"needs ABI {NETWORK_ABI}", ports), required=True)
    attributes = _Ruleset(0, BIND_TCP | CONNECT_TCP, SCOPES if version >= SCOPE_ABI else 0)
    ruleset = linux.call("landlock_create_ruleset", ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    try:
        for port in ports:
            _allow_port(ruleset, port, version)
        linux.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return replace(_tcp_layer(version, f"ABI {version}", ports), required=True)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= ON_FILES
        rule = _PathBeneath(rights, parent)
        linux.call("landlock_add_rule", ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _allow_port(ruleset: int, port: int, version: int) -> None:
    if version >= NETWORK_ABI:
        rule = _NetPort(CONNECT_TCP if port else BIND_TCP, port)  # 0: any door that the kernel chooses
        linux.call("landlock_add_rule", ruleset, RULE_NET_PORT, ctypes.byref(rule), 0)


def _layers(version: int, detail: str, ports: Iterable[int] | None = ()) -> tuple[Layer, ...]:
    def since(wanted: int) -> str:
        return detail if version >= wanted or version == 0 else f"{detail}, needs ABI {wanted}"

    return (
        Layer("files", version > 0, detail),
        _tcp_layer(version, since(NETWORK_ABI), ports),
        Layer("signals and abstract sockets", version >= SCOPE_ABI, since(SCOPE_ABI), required=False),
    )


def _tcp_layer(version: int, detail: str, ports: Iterable[int] | None) -> Layer:
    if ports is None:
        return Layer("tcp by landlock", False, "free within its own empty namespace", required=False)
    named = " ".join(str(port) for port in ports if port)
    return Layer(
        "tcp by landlock",
        version >= NETWORK_ABI,
        f"{detail}, ports {named}" if named else detail,
        required=False,
    )
