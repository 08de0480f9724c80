"""The whole product over a data folder, whose processes are handed code once they all work.

Orders on standard input: the data folder, targets, and for each role its (name, source, report). The
findings go to the file that the orders name, as one JSON object; then the product is stopped.
"""

import json
import os
import signal
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from appliance import config
from appliance.egress.attacks.targets import Targets
from appliance.egress.outside import NEED_A_DOOR
from appliance.egress.probe import CARRIES, TECHNIQUES
from appliance.supervisor import attend, children, launch, watch
from appliance.supervisor.desk import Desk, Staff
from appliance.supervisor.selfattack import OFFICE
from appliance.supervisor.spec import RoleName
from tests.escape import live_child
from tests.escape.live_child import Code

PATIENCE_S = 60.0
SETTLED_S = 3.0  # the model is loaded by then, so all processes do their real work


class Attackers:
    """Hands each process its code, one after another, and writes down what it answers."""

    def __init__(self, staff: Staff, orders: dict[str, Any]) -> None:
        self._staff = staff
        self._orders = orders
        self._targets = Targets(**orders["targets"])
        roles: list[RoleName] = [*staff.children, "supervisor"]
        self._found: dict[str, dict[str, Any]] = {role: {} for role in roles}
        self._heard = ""
        self._left = len(self._found)
        for role in roles:
            self._next(role, deque(orders["code"][role]))

    def _next(self, role: RoleName, code: deque[tuple[str, str, bool]]) -> None:
        if not code:
            self._left -= 1
            if self._left == 0:
                self._finish()
            return
        name, source, report = code.popleft()
        targets = replace(self._targets, message=f"{role}:{name};", sibling=os.getppid())
        launcher, door = self._staff.starters.launcher, None
        if role == "web" and name in NEED_A_DOOR:
            port, door = launcher.open_door()
            targets = replace(targets, tcp=port)
        body = msgspec.Raw(msgspec.json.encode(Code(name, source, targets, report)))

        def on_answer(answer: msgspec.Raw | None) -> None:
            if door is not None:
                door.close()
                self._heard += launcher.close_door()
            self._found[role][name] = None if answer is None else msgspec.json.decode(answer)
            self._next(role, code)

        self._staff.ask(role, "run", body, PATIENCE_S, on_answer, door)

    def _finish(self) -> None:
        for name, starter in self._staff.starters.named():
            targets = replace(self._targets, message=f"{name}:")
            rows = starter.attack(tuple(one for one in TECHNIQUES if one in CARRIES - OFFICE[name]), targets)
            self._found[name] = {row.technique: msgspec.to_builtins(row) for row in rows}
        alive = {role: child.process.poll() is None for role, child in self._staff.children.items()}
        found = {"found": self._found, "alive": alive, "heard_at_the_doors": self._heard}
        Path(self._orders["out"]).write_text(json.dumps(found))
        signal.raise_signal(signal.SIGTERM)


def main() -> None:
    orders = json.load(sys.stdin)
    children.MODULE = "tests.escape.live_child"

    class AttackedDesk(Desk):
        """The desk, which has no self-attack of its own meanwhile."""

        def begin(self) -> None:
            self._staff.later(SETTLED_S, self._attack_with_code)

        def _attack_with_code(self) -> None:
            Attackers(self._staff, orders)

    attend.own_acts = lambda: {"run": live_child.run}
    watch.Desk = AttackedDesk  # type: ignore[attr-defined]  # where the supervisor looks it up
    launch.serve(config.load({"data": Path(orders["data"]), "port": 0}), print)


if __name__ == "__main__":
    main()
