"""The listening post: the process that hears what gets out during a self-attack.

It is on the machine's network, where an intruder would have to arrive, and its jail leaves it ears
and no mouth. Between attacks it holds no socket but its line. Its guard's thread opens and closes
it; a thread of its own listens meanwhile.
"""

import select
import socket
import threading
from pathlib import Path
from typing import Any

import msgspec

from appliance.egress.attacks.targets import Targets
from appliance.egress.outside import Outside
from appliance.egress.sockets import OpenSocket, asked_for

LOOK_S = 0.1


class Post:
    """`folder`: what nobody else may read or write; `paths`: a folder that the attackers see."""

    def __init__(self, folder: Path, paths: Path) -> None:
        self._folder = folder
        self._paths = paths
        self._outside: Outside | None = None
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Targets:
        """Listen from now on."""
        self.close()
        self._outside = Outside(self._folder, self._paths)
        self._ends.clear()
        self._thread = threading.Thread(target=self._listen, args=(self._outside,), daemon=True)
        self._thread.start()
        return self._outside.targets()

    def close(self) -> str:
        """Everything that was heard."""
        if self._outside is None or self._thread is None:
            return ""
        self._ends.set()
        self._thread.join()
        self._outside.pump()
        heard = b"".join(self._outside.heard)
        self._outside.close()
        self._outside = None
        return heard.decode(errors="replace")

    def _listen(self, outside: Outside) -> None:
        while not self._ends.is_set():
            if select.select([outside], [], [], LOOK_S)[0]:
                outside.pump()


def acts(folder: Path, paths: Path) -> dict[str, Any]:
    """What the supervisor can ask of the post."""
    post = Post(folder, paths)
    return {
        "listen": lambda _body, _files: post.open(),
        "stop-listening": lambda _body, _files: post.close(),
        "name-sockets": lambda body, _files: _named(body),
    }


def _named(body: msgspec.Raw) -> list[OpenSocket]:
    return asked_for(msgspec.json.decode(body, type=list[int]))


def serve(line: socket.socket) -> None:
    """The post process. Returns when the supervisor closes the line."""
    while line.recv(4096):
        pass
