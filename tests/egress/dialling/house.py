"""The supervisor's part of dialling, small: starts gate and broker, joins them, collects their events."""

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from appliance.egress.environment import child_environment
from appliance.protocol.egress import Destination, EgressEvent
from appliance.supervisor.exchange import Exchange

PATIENCE_S = 30.0
Role = Literal["gate", "broker"]
ROLES: tuple[Role, ...] = ("gate", "broker")


class House:
    """Gate and broker behind their jails, joined by the supervisor's own exchange.

    `events` is what they reported. The exchange belongs to a thread here; `_lock` is held by
    whoever uses it.
    """

    def __init__(self, data: Path, *destinations: Destination) -> None:
        self._data = data
        self._destinations = destinations
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._selector = selectors.DefaultSelector()
        self.events: list[EgressEvent] = []
        self._exchange = Exchange(self._selector, self.events.append)
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        for role in ROLES:
            self.restart(role)

    def restart(self, role: Role) -> None:
        """Start one afresh and join it with the other, and with who is watched."""
        if role in self._processes:
            self.kill(role)
        ours, theirs = socket.socketpair()
        with theirs:
            self._processes[role] = self._start(role, theirs.fileno())
        with self._lock:
            self._exchange.use(role, ours)

    def kill(self, role: Role) -> None:
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
        with self._lock:
            self._exchange.watch(*descriptors)
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

    def wait_until_held(self) -> None:
        """Until the gate has taken a call that it cannot answer yet."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._exchange.held:
            assert time.monotonic() < deadline, self.events
            time.sleep(0.01)

    def tell_all(self) -> None:
        """Until the gate has told what it had only counted."""
        told = threading.Event()
        with self._lock:
            self._exchange.flush(told.set)
        assert told.wait(PATIENCE_S)

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._exchange.close()
        self._selector.close()
        for process in self._processes.values():
            _, problems = process.communicate(timeout=PATIENCE_S)
            assert "Traceback" not in problems, problems

    def _run(self) -> None:
        while not self._ends.is_set():
            ready = self._selector.select(0.02)
            with self._lock:
                for key, _ in ready:
                    if self._selector.get_map().get(key.fd) == key:
                        key.data()

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
