"""Starts children for the supervisor, which cannot start any: it is locked itself.

Two of these run at most: the process that the operator started, for all children but one, and a
keeper for the broker. They obey typed orders over one line that they share with the supervisor
alone, and know nothing else (egress/starting.py says what holds them).
"""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec

from appliance.egress import facts, probe
from appliance.errors import NaesilError
from appliance.protocol.egress import Destination
from appliance.protocol.framing import NONSENSE
from appliance.storage.owner import Owner, adopt
from appliance.supervisor import children
from appliance.supervisor.orders import (
    MAX_DESCRIPTORS,
    MAX_PACKET_BYTES,
    Answer,
    CloseDoor,
    Failed,
    Look,
    OpenDoor,
    Order,
    Reap,
    Seen,
    Signal,
    Start,
    Try,
    decode_order,
)

LOOPBACK = "127.0.0.1"
FAREWELL_S = 5.0
MOST_SOCKETS = 500  # that fit into an answer; of a busier process its own word is taken


class Launcher:
    """One loop, one order at a time. `guard`: its own jail's report; `host`: the machine's namespaces.

    Whoever gives orders does not say over which folder a child works (`data`), whom it becomes
    (`owner`) or, of a keeper's, where it may dial (`pins`).
    """

    def __init__(
        self,
        line: socket.socket,
        data: Path,
        owner: Owner | None,
        host: dict[str, str] | None,
        pins: tuple[Destination, ...] | None = None,
    ) -> None:
        self._line = line
        self._data = data
        self._owner = owner
        self._host = host
        self._pins = pins
        self.guard = ""
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._door: list[socket.socket] = []
        self.failure: Failed | None = None

    def start(self, order: Start, descriptors: list[int]) -> int:
        """The child's process id. Its descriptors are closed here."""
        output, status, peer, *listen = descriptors
        if order.spec.settings.data != self._data:
            raise ValueError("not our data folder")
        spec = msgspec.structs.replace(
            order.spec, status=status, peer=peer, listen=(*listen, -1)[0], user=self._owner
        )
        if self._pins is not None:
            spec = msgspec.structs.replace(spec, destinations=self._pins)
        adopt(self._data)
        process = children.spawn(spec, output)
        self._children[process.pid] = process
        return process.pid

    def run(self) -> None:
        """Until the supervisor is gone; children that are left by then end with us."""
        while True:
            packet, descriptors, _, _ = socket.recv_fds(self._line, MAX_PACKET_BYTES, MAX_DESCRIPTORS)
            if not packet:
                break
            try:
                self._obey(decode_order(packet), list(descriptors))
            except NONSENSE:
                self._say(Answer(error="not an order"))
            finally:
                for number in descriptors:
                    with suppress(OSError):
                        os.close(number)
        for process in self._children.values():
            with suppress(ProcessLookupError):
                process.kill()
        for process in self._children.values():
            process.wait(FAREWELL_S)

    def _obey(self, order: Order, descriptors: list[int]) -> None:
        if isinstance(order, Failed):
            self.failure = order
            return
        try:
            answer, gift = self._answer(order, descriptors)
        except NaesilError as error:
            params = {name: str(value) for name, value in error.params.items()}
            answer, gift = Answer(error=error.template, params=params), None
        except (OSError, ValueError) as error:
            answer, gift = Answer(error="%(reason)s", params={"reason": str(error)}), None
        self._say(answer, gift)

    def _answer(self, order: Order, descriptors: list[int]) -> tuple[Answer, socket.socket | None]:
        answer, gift = Answer(), None
        match order:
            case Start():
                answer = Answer(self.start(order, descriptors))
            case Signal(pid, number) if pid in self._children:
                self._children[pid].send_signal(number)
            case Reap(pid, wait):
                answer = Answer(self._reap(pid, wait))
            case Look(pid):
                answer = Answer(seen=Seen(self._look(pid), self.guard))
            case OpenDoor():
                answer, gift = self._open_door()
            case CloseDoor():
                answer = Answer(heard=self._close_door())
            case Try(techniques, targets):
                if not probe.CARRIES.issuperset(techniques):  # others change files, here maybe as root
                    raise ValueError("not an attack on a launcher")
                answer = Answer(rows=probe.in_a_copy(techniques, targets))
        return answer, gift

    def _look(self, pid: int) -> facts.Facts:
        if pid and pid not in self._children:
            raise ProcessLookupError("not a child of ours")
        seen = facts.read(pid, self._host) if pid else facts.read_own(self._host)
        fits = len(seen.sockets or ()) <= MOST_SOCKETS
        return seen if fits else msgspec.structs.replace(seen, sockets=None)

    def _reap(self, pid: int, wait: bool) -> int | None:
        process = self._children.get(pid)
        if process is None:
            return 0
        status = process.wait() if wait else process.poll()
        if status is not None:
            del self._children[pid]
        return status

    def _open_door(self) -> tuple[Answer, socket.socket]:
        """A door as web has one, the client that waits at it, and the ear that a misuse would reach."""
        self._close_door()
        door, ear = _listening(), _listening()
        client = socket.create_connection(door.getsockname())
        self._door = [client, ear]
        return Answer(int(ear.getsockname()[1])), door

    def _close_door(self) -> str:
        heard = b""
        for sock in self._door:
            with sock, suppress(OSError):
                sock.settimeout(0)
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    peer, _ = sock.accept()
                    with peer:
                        peer.settimeout(0.2)
                        heard += peer.recv(MAX_PACKET_BYTES)
        self._door = []
        return heard.decode(errors="replace")

    def _say(self, answer: Answer, gift: socket.socket | None = None) -> None:
        packet = msgspec.json.encode(answer)
        try:
            if gift is None:  # the keeper may not even make the call that hands files over
                self._line.send(packet)
            else:
                with gift:
                    socket.send_fds(self._line, [packet], [gift.fileno()])
        except OSError:
            return  # the supervisor is gone; the next read says so


def _listening() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind((LOOPBACK, 0))
    sock.listen()
    return sock


def forward_signals(pid: int) -> None:
    """Who stops the product speaks to the process they started; the supervisor is meant."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: _forward(pid, number))


def _forward(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
