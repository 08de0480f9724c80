"""What the supervisor tells a child at its start, over the child's standard input.

No secrets travel here: the setup token only as its SHA-256.
"""

import socket
from pathlib import Path
from typing import Any, Literal

import msgspec

from appliance.config import Settings
from appliance.protocol.egress import Destination, EgressEvent
from appliance.protocol.framing import NONSENSE
from appliance.protocol.settings import RuntimeSettings

MAX_LINE_BYTES = 4 * 1024 * 1024
EXIT_UNAVAILABLE = 4  # of a child that could not start for something that may pass
ChildName = Literal["runtime", "web", "sealer", "gate", "broker", "post", "extractor"]
RoleName = ChildName | Literal["supervisor", "launcher", "keeper"]


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One child's orders: its role, the settings, and which inherited descriptor is what.

    `peer` is the socketpair to web (runtime, sealer, extractor) or to the supervisor (the others); `listen`
    the listening socket; `destinations` what may be dialled (web, gate, broker); `outside` a folder
    that only the post may write; `user` the user and group that a child of root becomes; `status`
    the line to the supervisor: there the child reports its guard level and, if it cannot start,
    why, and there it is asked about itself later.
    """

    role: ChildName
    settings: Settings
    status: int
    peer: int
    listen: int = -1
    runtime: RuntimeSettings | None = None
    setup_token_sha256: str = ""
    destinations: tuple[Destination, ...] = ()
    outside: Path | None = None
    user: tuple[int, int] | None = None

    def descriptors(self) -> tuple[int, ...]:
        """Every descriptor the child inherits beyond its standard three."""
        return tuple(number for number in (self.status, self.peer, self.listen) if number >= 0)


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line between supervisor and child: JSON, newline-terminated.

    child -> supervisor: `guard` with `detail` (the guard's own report), `thread` (the guard's),
    `error`, `ready` (web serves; `setup`: no administrator exists yet; of a runtime: its model is loaded,
    `body` is its Context).
    web -> supervisor: `attach` "gate" (its trapped calls and its memory follow).
    supervisor -> web: `guard` of a `process`, `attach` (a descriptor follows; `switched`: the
    runtime before it finishes what it has; an extractor answers the `request` for it), `restarted`,
    `event` (what gate or broker did).
    Either way: a question `ask` with its `body` (JSON), and the answer, which is the `body`
    of a line with the same `request` and no `ask`.
    """

    process: str = ""
    guard: str = ""
    detail: str = ""
    error: str = ""
    thread: int = 0
    ready: bool = False
    setup: bool = False
    attach: Literal["", "runtime", "sealer", "gate", "extractor"] = ""
    restarted: bool = False
    switched: bool = False
    event: EgressEvent | None = None
    request: str = ""
    ask: str = ""
    body: msgspec.Raw = msgspec.Raw(b"null")


class Context(msgspec.Struct, frozen=True):
    """Tokens of context that a loaded model has, and those that were wanted."""

    n_ctx: int = 0
    n_ctx_wanted: int = 0


def encode_spec(spec: ChildSpec) -> bytes:
    return msgspec.json.encode(spec, enc_hook=str)


def decode_spec(data: bytes) -> ChildSpec:
    return msgspec.json.decode(data, type=ChildSpec, dec_hook=path_from)


def encode_report(report: Report) -> bytes:
    return msgspec.json.encode(report) + b"\n"


class ReportLine:
    """Reads reports, and the descriptors that came with them, from a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Report]:
        """Whole reports. What is none is left out: the other end may have been taken over."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[:MAX_LINE_BYTES]
        return [report for line in lines if (report := _decode(line)) is not None]


def _decode(line: bytes) -> Report | None:
    try:
        return msgspec.json.decode(line, type=Report)
    except NONSENSE:
        return None


def send_report(sock: socket.socket, report: Report, *descriptors: int) -> None:
    """Send one report over a Unix socket, with the descriptors that belong to it."""
    socket.send_fds(sock, [encode_report(report)], descriptors)


def path_from(kind: type[Any], value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
