"""The world outside the jail during a self-attack: servers of every kind that keep what reaches them.

One selector, no threads: whoever owns it calls `pump` when `fileno` is readable. What it has
heard is evidence by itself, whatever the attacking process says of its attempts.
"""

import array
import os
import selectors
import shutil
import socket
import tempfile
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

    def __init__(self, inside_folder: Path) -> None:
        """`inside_folder`: a folder that jailed processes may see; paths of sockets are made there."""
        self.heard: list[bytes] = []
        self._services = {**WELL_KNOWN, SUPERVISOR: (str(inside_folder / CONTROL_SOCKET),)}
        self._selector = selectors.DefaultSelector()
        self._folder = Path(tempfile.mkdtemp(prefix="naesil-outside-"))
        self._paths = Path(tempfile.mkdtemp(prefix="probe-", dir=inside_folder))
        self._sockets: dict[str, socket.socket] = {}
        self._listen("tcp", socket.AF_INET, (LOOPBACK, 0))
        self._listen("tcp6", socket.AF_INET6, (LOOPBACK_6, 0))
        self._receive("udp", socket.AF_INET, (LOOPBACK, 0))
        self._receive("udp6", socket.AF_INET6, (LOOPBACK_6, 0))
        self._listen("stream", socket.AF_UNIX, str(self._paths / "stream"))
        self._receive("datagram", socket.AF_UNIX, str(self._paths / "datagram"))
        self._listen("packet", socket.AF_UNIX, str(self._paths / "packet"), socket.SOCK_SEQPACKET)
        self._listen("abstract", socket.AF_UNIX, f"\0naesil-{self._folder.name}")
        self._listen("giver", socket.AF_UNIX, str(self._paths / "giver"))
        (self._folder / "outside.txt").write_text("not yours")
        for name in PRECIOUS:
            (self._folder / name).write_text("keep")
        if os.geteuid() == 0:  # what stops the attackers must be the jail, not whose files these are
            owner = inside_folder.stat()
            for path in (self._folder, *self._folder.iterdir(), self._paths, *self._paths.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
        self._sealed = _seal(self._paths / "sealed") if os.geteuid() == 0 else ""

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
            abstract=f"naesil-{self._folder.name}",
            giver=self._path("giver"),
            sibling=os.getpid(),
            services={name: _existing(paths) for name, paths in self._services.items()},
            secret={"outside": str(self._folder / "outside.txt")},
            precious=str(self._folder),
            sealed=self._sealed,
            marker=_marker(),
            folder=str(self._paths),
        )

    def door(self) -> tuple[socket.socket, socket.socket]:
        """A listening socket of the host's network as web has one, and a client that waits at it."""
        listener = socket.create_server((LOOPBACK, 0))
        return listener, socket.create_connection(listener.getsockname())

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._forget(key.fileobj)  # type: ignore[arg-type]  # only sockets are registered
        self._selector.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._paths, ignore_errors=True)

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
            if name == "giver":
                self._give(peer)
            else:
                self._watch(peer, lambda: self._on_words(peer))

    def _on_words(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(READ_BYTES)
        except OSError:
            data = b""
        if data:
            self.heard.append(data)
        elif sock not in self._sockets.values():
            self._forget(sock)

    def _give(self, peer: socket.socket) -> None:
        with peer, socket.create_connection((LOOPBACK, self._port("tcp"))) as gift:
            peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [gift.fileno()]))])

    def _forget(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()

    def _port(self, name: str) -> int:
        sock = self._sockets.get(name)
        return 0 if sock is None else int(sock.getsockname()[1])

    def _path(self, name: str) -> str:
        return str(self._paths / name) if name in self._sockets else ""


def with_secrets(targets: Targets, keys_folder: Path, database: Path) -> Targets:
    """The product's own secrets as targets, those that exist."""
    named = {
        "database": database,
        "root_key": keys_folder / "root.key",
        "log_key": keys_folder / "log.key",
    }
    found = {name: str(path) for name, path in named.items() if path.exists()}
    return replace(targets, secret=targets.secret | found)


def _seal(path: Path) -> str:
    """A file of somebody else that nobody may read."""
    path.write_text("sealed")
    path.chmod(0)
    os.chown(path, NOBODY, NOBODY)
    return str(path)


def _marker() -> str:
    """A word of our own environment that no child is given; empty when there is none."""
    given = " ".join(child_environment().values())
    return next((word for word in os.environ.values() if len(word) >= 8 and word not in given), "")


def _existing(paths: tuple[str, ...]) -> str:
    return next((path for path in paths if Path(path).is_socket()), "")
