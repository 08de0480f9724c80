"""What supervisor, gate, broker and web tell each other about connections to named destinations.

A conversation over gate and broker's line: Dial -> Dialled -> Bridge (with the socket's other end).
"""

from typing import Literal

import msgspec


class Destination(msgspec.Struct, frozen=True):
    """One place that may be dialled. `addresses` were resolved by the broker's keeper and are pinned.

    `connections`: how many at a time; a connection ends when nothing was carried for
    `idle_seconds`, and after `total_seconds` in any case.
    """

    name: str
    host: str
    port: int
    protocol: str
    addresses: tuple[str, ...]
    connections: int = 64
    idle_seconds: int = 3600
    total_seconds: int = 86_400


class Watch(msgspec.Struct, frozen=True, tag=True):
    """supervisor -> gate, with two descriptors: web's trapped calls and web's memory (read-only).

    `held`: calls that the gate before this one took and did not answer; nobody is told of them again.
    """

    held: tuple[int, ...] = ()


class Held(msgspec.Struct, frozen=True, tag=True):
    """gate -> supervisor: this call is waiting for an answer of mine; should I die, my successor's."""

    call: int


class Settled(msgspec.Struct, frozen=True, tag=True):
    """gate -> supervisor: that call was answered."""

    call: int


class Flush(msgspec.Struct, frozen=True, tag=True):
    """supervisor -> gate: tell now what you have only counted."""


class Flushed(msgspec.Struct, frozen=True, tag=True):
    """gate -> supervisor: that is told."""


class Line(msgspec.Struct, frozen=True, tag=True):
    """supervisor -> gate or broker, with one descriptor: the line to the other of the two."""


class Dial(msgspec.Struct, frozen=True, tag=True):
    """gate -> broker: connect to this destination."""

    id: int
    destination: str


class Dialled(msgspec.Struct, frozen=True, tag=True):
    """broker -> gate: how it went; `error` is an errno, 0 for a connection."""

    id: int
    error: int
    address: str = ""


class Bridge(msgspec.Struct, frozen=True, tag=True):
    """gate -> broker, with one descriptor: carry bytes between it and what was dialled."""

    id: int


class EgressEvent(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """gate or broker -> supervisor -> web, for the audit log.

    `call` and `address` are what the process tried, `pid` the thread that did; `count` how often
    since the last such event. Bytes are those since the connection's last event.
    """

    kind: Literal["grant", "deny", "fail", "carry", "close"]
    address: str
    call: str = "connect"
    destination: str = ""
    pid: int = 0
    count: int = 1
    reason: str = ""
    bytes_out: int = 0
    bytes_in: int = 0
    seconds: float = 0.0
