"""The outside world: servers of every kind that write down whatever reaches them."""

import array
import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path

from appliance.egress.attacks.services import SUPERVISOR, WELL_KNOWN
from appliance.egress.attacks.targets import Targets

CLIENTS_WAITING = 12
MARKER = "a word of the starter's own"


class Outside:
    """Listens until closed. `heard` holds every message that arrived, by any road."""

    def __init__(self, folder: Path, inside: Path) -> None:
        self.heard: list[bytes] = []
        self.listener = _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self._sockets = {
            "tcp": _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "tcp6": _bound(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            "udp": _bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "udp6": _bound(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0)),
            "stream": _bound(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "stream.sock")),
            "datagram": _bound(socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "datagram.sock")),
            "abstract": _bound(socket.AF_UNIX, socket.SOCK_STREAM, f"\0naesil-{folder.name}-{os.getpid()}"),
            "packet": _bound(socket.AF_UNIX, socket.SOCK_SEQPACKET, str(folder / "packet.sock")),
            "service": _bound(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "service.sock")),
            "log": _bound(socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "log.sock")),
            "giver": _bound(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "giver.sock")),
        }
        self._sealed = _seal(inside / f"{folder.name}-sealed") if os.geteuid() == 0 else ""
        self.sibling = subprocess.Popen(["/bin/sleep", "600"], stdin=subprocess.PIPE)
        self.clients = [socket.create_connection(self.listener.getsockname()) for _ in range(CLIENTS_WAITING)]
        for name, sock in self._sockets.items():
            threading.Thread(target=self._serve, args=(name, sock), daemon=True).start()

    def targets(self, secret: dict[str, str], precious: str, folder: str) -> Targets:
        """Where all this can be reached."""
        return Targets(
            tcp=self._port("tcp"),
            tcp6=self._port("tcp6"),
            udp=self._port("udp"),
            udp6=self._port("udp6"),
            stream_path=self._sockets["stream"].getsockname(),
            datagram_path=self._sockets["datagram"].getsockname(),
            abstract=self._sockets["abstract"].getsockname()[1:].decode(),
            packet_path=self._sockets["packet"].getsockname(),
            giver=self._sockets["giver"].getsockname(),
            services={name: str(self._sockets["service"].getsockname()) for name in (*WELL_KNOWN, SUPERVISOR)}
            | {"system_log": str(self._sockets["log"].getsockname())},
            listener=self.listener.fileno(),
            sibling=self.sibling.pid,
            secret=secret,
            precious=precious,
            folder=folder,
            sealed=self._sealed,
            marker=MARKER,
        )

    def close(self) -> None:
        self.sibling.kill()
        self.sibling.communicate()
        for sock in (*self._sockets.values(), *self.clients, self.listener):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _port(self, name: str) -> int:
        return int(self._sockets[name].getsockname()[1])

    def _serve(self, name: str, sock: socket.socket) -> None:
        if sock.type == socket.SOCK_DGRAM:
            self._hear(sock)
            return
        with contextlib.suppress(OSError):
            while True:
                peer, _ = sock.accept()
                target = self._give if name == "giver" else self._hear
                threading.Thread(target=target, args=(peer,), daemon=True).start()

    def _hear(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            while data := sock.recv(65536):
                self.heard.append(data)

    def _give(self, peer: socket.socket) -> None:
        with peer, socket.create_connection(("127.0.0.1", self._port("tcp"))) as gift:
            self.heard.append(peer.recv(65536))
            peer.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [gift.fileno()]))])


def _seal(path: Path) -> str:
    """A file of somebody else that nobody may read."""
    path.write_text("sealed")
    path.chmod(0)
    os.chown(path, 65534, 65534)
    return str(path)


def _bound(family: int, kind: int, address: object) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.bind(address)  # type: ignore[arg-type]  # one kind of address per family
    if kind != socket.SOCK_DGRAM:
        sock.listen(64)
    return sock
