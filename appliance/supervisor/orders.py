"""What the supervisor can ask of a launcher, a packet an order, a packet an answer; nothing else."""

from typing import Any

import msgspec

from appliance.egress.attacks.targets import Targets
from appliance.egress.facts import Facts
from appliance.egress.probe import Row
from appliance.supervisor.spec import ChildSpec, path_from

MAX_PACKET_BYTES = 128 * 1024
MAX_DESCRIPTORS = 4


class Start(msgspec.Struct, frozen=True, tag=True):
    """Start a child, with its descriptors: output, status, peer and, if it has one, listener."""

    spec: ChildSpec


class Signal(msgspec.Struct, frozen=True, tag=True):
    """Send a signal to a child that is not reaped yet."""

    pid: int
    number: int


class Reap(msgspec.Struct, frozen=True, tag=True):
    """How a child ended; None while it lives, unless it is to be waited for."""

    pid: int
    wait: bool


class Look(msgspec.Struct, frozen=True, tag=True):
    """What the kernel says of a child; 0: of the launcher itself."""

    pid: int


class OpenDoor(msgspec.Struct, frozen=True, tag=True):
    """A listening socket with a client waiting, in the launcher's network; it comes with the answer."""


class CloseDoor(msgspec.Struct, frozen=True, tag=True):
    """What was heard at the port beside the door."""


class Try(msgspec.Struct, frozen=True, tag=True):
    """Techniques, one after another in a copy of the launcher."""

    techniques: tuple[str, ...]
    targets: Targets


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The supervisor's last word: the product ends, and why. Not answered. `passing`: a start may help."""

    template: str
    params: dict[str, str] = {}
    passing: bool = False


Order = Start | Signal | Reap | Look | OpenDoor | CloseDoor | Try | Failed


class Seen(msgspec.Struct, frozen=True):
    """`guard`: the launcher's own report."""

    facts: Facts
    guard: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`number`: a pid, an exit status or a port. `error`: a message template with its parameters."""

    number: int | None = None
    seen: Seen | None = None
    rows: tuple[Row, ...] = ()
    heard: str = ""
    error: str = ""
    params: dict[str, str] = {}


def encode_order(order: Order) -> bytes:
    return msgspec.json.encode(order, enc_hook=str)


def decode_order(packet: bytes) -> Order:
    """Raises msgspec.DecodeError."""
    order: Any = msgspec.json.decode(packet, type=Order, dec_hook=path_from)
    return order  # type: ignore[no-any-return]
