"""The world outside the jail during a self-attack: servers of every kind that keep what reaches them.

One selector, no threads: whoever owns it calls `pump` when `fileno` is readable. What it has
heard is evidence by itself, whatever the attacking process says of its attempts.
"""

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from appliance.egress.attacks.services import SUPERVISOR, WELL_KNOWN
from appliance.egress.attacks.targets import Targets
from appliance.egress.environment import child_environment
from appliance.egress.profiles import CONTROL_SOCKET

LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
READ_BYTES = 65536
NOBODY = 65534
PATHS = ("stream", "datagram", "packet", "giver")
LEFT_BY_ATTACKERS = ("away", "fifo")
SECRET, SEALED = "outside.txt", "sealed"
PRECIOUS = ("written", "truncated", "removed", "changed", "moved")
NEED_A_DOOR = frozenset(
    {
        "accepted_socket_dialled_again",
        "accepted_socket_fast_opened",
        "accepted_socket_rerouted",
        "listener_turned_client",
        "listener_fast_opened_by_sendmsg",
    }
)
"""Techniques that start from a listening socket with a client waiting."""


class Outside:
    """Listens until closed. `heard` holds every message that arrived, by any road."""

    def __init__(self, folder: Path, paths: Path) -> None:
        """`folder` is for our files, `paths` a folder that jailed processes see, for our sockets."""
        self.heard: list[bytes] = []
        self._selector = selectors.DefaultSelector()
        self._folder, self._paths = folder, paths
        self._name = f"naesil-{os.urandom(8).hex()}"
        self._sockets: dict[str, socket.socket] = {}
        self._listen("tcp", socket.AF_INET, (LOOPBACK, 0))
        self._listen("tcp6", socket.AF_INET6, (LOOPBACK_6, 0))
        self._receive("udp", socket.AF_INET, (LOOPBACK, 0))
        self._receive("udp6", socket.AF_INET6, (LOOPBACK_6, 0))
        self._listen("stream", socket.AF_UNIX, self._place("stream"))
        self._receive("datagram", socket.AF_UNIX, self._place("datagram"))
        self._listen("packet", socket.AF_UNIX, self._place("packet"), socket.SOCK_SEQPACKET)
        self._listen("abstract", socket.AF_UNIX, f"\0{self._name}")
        self._listen("giver", socket.AF_UNIX, self._place("giver"))
        (folder / SECRET).write_text("not yours")
        for name in PRECIOUS:
            (folder / name).write_text("keep")

    def fileno(self) -> int:
        """Readable when `pump` has something to do."""
        return self._selector.fileno()

    def pump(self) -> None:
        """Take what has arrived by now."""
        while events := self._selector.select(0):
            for key, _ in events:
                key.data()

    def targets(self) -> Targets:
        """Where all this can be reached; secrets of the product are the caller's to add."""
        return Targets(
            tcp=self._port("tcp"),
            tcp6=self._port("tcp6"),
            udp=self._port("udp"),
            udp6=self._port("udp6"),
            stream_path=self._path("stream"),
            datagram_path=self._path("datagram"),
            packet_path=self._path("packet"),
            abstract=self._name,
            giver=self._path("giver"),
            secret={"outside": str(self._folder / SECRET)},
            precious=str(self._folder),
            folder=str(self._paths),
        )

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._forget(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered
        self._selector.close()
        for path in PATHS:
            (self._paths / path).unlink(missing_ok=True)
        for path in (SECRET, *PRECIOUS, *LEFT_BY_ATTACKERS):
            (self._folder / path).unlink(missing_ok=True)

    def _listen(self, name: str, family: int, address: object, kind: int = socket.SOCK_STREAM) -> None:
        sock = self._bound(name, family, kind, address)
        if sock is not None:
            sock.listen(64)
            self._watch(sock, lambda: self._on_knock(name, sock))

    def _receive(self, name: str, family: int, address: object) -> None:
        sock = self._bound(name, family, socket.SOCK_DGRAM, address)
        if sock is not None:
            self._watch(sock, lambda: self._on_words(sock))

    def _bound(self, name: str, family: int, kind: int, address: object) -> socket.socket | None:
        """None where the machine has no such family; its techniques are void then."""
        sock = socket.socket(family, kind)
        try:
            sock.bind(address)  # type: ignore[arg-type]  # one kind of address per family
        except OSError:
            sock.close()
            return None
        self._sockets[name] = sock
        return sock

    def _watch(self, sock: socket.socket, act: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, act)

    def _on_knock(self, name: str, sock: socket.socket) -> None:
        with suppress(OSError):
            peer, _ = sock.accept()
            self._watch(peer, lambda: self._on_words(peer, last=name == "giver"))

    def _on_words(self, sock: socket.socket, *, last: bool = False) -> None:
        try:
            data = sock.recv(READ_BYTES)
        except OSError:
            data = b""
        if data:
            self.heard.append(data)
        if (last or not data) and sock not in self._sockets.values():
            self._forget(sock)

    def _forget(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _place(self, name: str) -> str:
        """A path for a socket; one that was left there by somebody who was killed goes."""
        (self._paths / name).unlink(missing_ok=True)
        return str(self._paths / name)

    def _port(self, name: str) -> int:
        sock = self._sockets.get(name)
        return 0 if sock is None else int(sock.getsockname()[1])

    def _path(self, name: str) -> str:
        return str(self._paths / name) if name in self._sockets else ""


def machine(run_folder: Path, paths: Path) -> Targets:
    """What there is to attack on this machine besides us, seen before any jail is closed."""
    services = {**WELL_KNOWN, SUPERVISOR: (str(run_folder / CONTROL_SOCKET),)}
    return Targets(
        services={name: _existing(places) for name, places in services.items()},
        sibling=os.getpid(),
        sealed=_seal(paths / SEALED) if os.geteuid() == 0 else "",
        marker=_marker(),
        data=str(run_folder.parent),
        ipc=os.readlink("/proc/self/ns/ipc"),  # noqa: PTH115 - no path
    )


def together(ours: Targets, machines: Targets, secret: dict[str, str]) -> Targets:
    """All targets of one attack."""
    return replace(
        ours,
        services=machines.services,
        sibling=machines.sibling,
        sealed=machines.sealed,
        marker=machines.marker,
        data=machines.data,
        ipc=machines.ipc,
        secret=ours.secret | secret,
    )


def _seal(path: Path) -> str:
    """A file of somebody else that nobody may read; "" where a user namespace knows nobody else."""
    path.unlink(missing_ok=True)
    path.write_text("sealed")
    path.chmod(0)
    try:
        os.chown(path, NOBODY, NOBODY)
    except OSError:
        path.unlink()
        return ""
    return str(path)


def _marker() -> str:
    """A word of our own environment that no child is given; empty when there is none."""
    given = " ".join(child_environment().values())
    return next((word for word in os.environ.values() if len(word) >= 8 and word not in given), "")


def _existing(paths: tuple[str, ...]) -> str:
    return next((path for path in paths if Path(path).is_socket()), "")
