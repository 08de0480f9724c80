"""What the attacks aim at: things outside the jail that would notice, and things inside to misuse."""

from collections.abc import Callable
from dataclasses import dataclass, field


class Void(Exception):
    """The attack cannot be tried on this machine, for the reason given."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Addresses and files of the outside world, as plain values. An empty one makes its attacks void.

    `listener` is the number of an inherited listening socket with a connection waiting;
    `sibling` an unlocked process of the same user; `giver` a socket that hands over a
    connected socket; `services` are sockets of the machine's own services; `secret` files must not
    be read, those in the folder `precious` not be changed; `sealed` is a file of another user that
    nobody may read; `marker` is a word in the environment of whoever started the product; `data` the
    data folder; `ipc` the machine's IPC namespace.
    """

    tcp: int = 0
    tcp6: int = 0
    udp: int = 0
    udp6: int = 0
    stream_path: str = ""
    datagram_path: str = ""
    packet_path: str = ""
    abstract: str = ""
    giver: str = ""
    listener: int = -1
    sibling: int = 0
    services: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    sealed: str = ""
    marker: str = ""
    precious: str = ""
    folder: str = ""
    data: str = ""
    ipc: str = ""
    message: str = "leak"

    def need(self, value: int | str) -> None:
        """Void unless the target is there."""
        if value in (0, -1, ""):
            raise Void("no such target")

    @property
    def payload(self) -> bytes:
        return self.message.encode()


Attempt = Callable[[Targets], None]
"""Returns when it got out; raises OSError when it was stopped."""
