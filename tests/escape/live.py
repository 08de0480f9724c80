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
from appliance.egress.outside import NEED_A_DOOR, Outside
from appliance.supervisor import children, launch, watch
from appliance.supervisor.desk import Desk, Staff
from appliance.supervisor.spec import RoleName
from tests.escape.live_child import Code

PATIENCE_S = 60.0
SETTLED_S = 3.0  # the model is loaded by then, so all processes do their real work


class Attackers:
    """Hands each process its code, one after another, and writes down what it answers."""

    def __init__(self, staff: Staff, orders: dict[str, Any]) -> None:
        self._staff = staff
        self._orders = orders
        self._targets = Targets(**orders["targets"])
        self._outside = Outside(Path(orders["data"]) / "run")  # only for its doors
        self._found: dict[str, dict[str, Any]] = {role: {} for role in staff.children}
        self._left = len(self._found)
        for role in staff.children:
            self._next(role, deque(orders["code"][role]))

    def _next(self, role: RoleName, code: deque[tuple[str, str, bool]]) -> None:
        if not code:
            self._left -= 1
            if self._left == 0:
                self._finish()
            return
        name, source, report = code.popleft()
        targets = replace(self._targets, message=f"{role}:{name};", sibling=os.getpid())
        body = msgspec.Raw(msgspec.json.encode(Code(name, source, targets, report)))
        door = self._outside.door() if role == "web" and name in NEED_A_DOOR else ()

        def on_answer(answer: msgspec.Raw | None) -> None:
            for sock in door:
                sock.close()
            self._found[role][name] = None if answer is None else msgspec.json.decode(answer)
            self._next(role, code)

        self._staff.ask(role, "run", body, PATIENCE_S, on_answer, door[0] if door else None)

    def _finish(self) -> None:
        self._outside.close()
        alive = {role: child.process.poll() is None for role, child in self._staff.children.items()}
        Path(self._orders["out"]).write_text(json.dumps({"found": self._found, "alive": alive}))
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    orders = json.load(sys.stdin)
    children.MODULE = "tests.escape.live_child"

    class AttackedDesk(Desk):
        """The desk, which has no self-attack of its own meanwhile."""

        def begin(self) -> None:
            self._staff.later(SETTLED_S, self._attack_with_code)

        def _attack_with_code(self) -> None:
            Attackers(self._staff, orders)

    watch.Desk = AttackedDesk  # type: ignore[attr-defined]  # where the supervisor looks it up
    launch.serve(config.load({"data": Path(orders["data"]), "port": 0}), print)


if __name__ == "__main__":
    main()
