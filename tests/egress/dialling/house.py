"""The supervisor's part of dialling, small: starts gate and broker, joins them, collects their events."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from appliance.egress.environment import child_environment
from appliance.protocol.egress import Destination, EgressEvent, Line, Watch
from appliance.protocol.framing import Decoder, encode

PATIENCE_S = 30.0


class House:
    """Gate and broker behind their jails. `events` is what they reported."""

    def __init__(self, data: Path, *destinations: Destination) -> None:
        self._data = data
        self._destinations = destinations
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._lines: dict[str, socket.socket] = {}
        self._watched: tuple[int, ...] = ()
        self.events: list[EgressEvent] = []
        for role in ("gate", "broker"):
            self.restart(role)

    def restart(self, role: str) -> None:
        """Start one afresh and join it with the other, and with who is watched."""
        if role in self._processes:
            self.kill(role)
            self._lines[role].close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._processes[role] = self._start(role, theirs.fileno())
        self._lines[role] = ours
        threading.Thread(target=self._collect, args=(ours,), daemon=True).start()
        if len(self._lines) == 2:
            one, other = socket.socketpair()
            with one, other:
                socket.send_fds(self._lines["gate"], [encode(Line())], [one.fileno()])
                socket.send_fds(self._lines["broker"], [encode(Line())], [other.fileno()])
        if role == "gate" and self._watched:
            socket.send_fds(ours, [encode(Watch())], self._watched)

    def kill(self, role: str) -> None:
        """As when the machine's memory ran out."""
        process = self._processes[role]
        if process.returncode is None:
            process.kill()
            _, problems = process.communicate()
            assert "Traceback" not in problems, problems

    def begin(self, act: str, *arguments: Any) -> "subprocess.Popen[str]":
        """Start an act in a watched process."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = self._start("web", theirs.fileno(), act=act, arguments=arguments)
            theirs.close()
            _, descriptors, _, _ = socket.recv_fds(ours, 16, 2)
        if len(descriptors) == 2:
            self._let_go()
            self._watched = tuple(descriptors)
            with contextlib.suppress(OSError):  # a dead gate's successor is told
                socket.send_fds(self._lines["gate"], [encode(Watch())], descriptors)
        return process

    def do(self, act: str, *arguments: Any) -> Any:
        """What came of an act in a watched process."""
        return self.end(self.begin(act, *arguments))

    def end(self, process: "subprocess.Popen[str]") -> Any:
        answer, problems = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, problems
        return json.loads(answer)

    def wait_for(self, fits: Callable[[EgressEvent], bool]) -> EgressEvent:
        """The first event that fits, once it is there."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for event in self.events:
                if fits(event):
                    return event
            time.sleep(0.01)
        raise AssertionError(self.events)

    def close(self) -> None:
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        self._let_go()
        for process in self._processes.values():
            _, problems = process.communicate(timeout=PATIENCE_S)
            assert "Traceback" not in problems, problems

    def _let_go(self) -> None:
        for number in self._watched:
            os.close(number)
        self._watched = ()

    def _collect(self, line: socket.socket) -> None:
        decoder: Decoder[EgressEvent] = Decoder(EgressEvent)
        try:
            while data := line.recv(65536):
                self.events += decoder.feed(data)
        except OSError:
            return

    def _start(self, role: str, peer: int, **more: Any) -> "subprocess.Popen[str]":
        orders = {
            "role": role,
            "peer": peer,
            "data": str(self._data),
            "destinations": [msgspec.to_builtins(one) for one in self._destinations],
            **more,
        }
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.egress.dialling.role", json.dumps(orders)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[peer],
            env=child_environment({}) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
