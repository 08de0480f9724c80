"""One run of the product under attack, with somebody listening outside and one named destination.

`python -m tests.escape.run` prints docs/escape.md.
"""

import inspect
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.egress.probe import TECHNIQUES
from appliance.supervisor.selfattack import OFFICE
from tests.escape import intruder
from tests.escape.outside import MARKER, Outside
from tests.journeys.product import init

ROLES = ("web", "gate", "broker", "sealer", "runtime", "post", "extractor", "supervisor")
STARTERS = ("launcher", "keeper")
POLICY = """version: 1
destinations:
  - name: named
    host: 127.0.0.1
    port: {port}
    protocol: http
    purpose: tests
    approver: tests
"""
TECHNIQUE = "from appliance.egress.probe import TECHNIQUES\nattack = TECHNIQUES[{name!r}]\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """What each process answered to each piece of code, and every message that arrived outside."""

    found: dict[str, dict[str, Any]]
    alive: dict[str, bool]
    heard: str


def under_attack(folder: Path) -> Seen:
    """Start the product in this folder, hand every process its code, stop it."""
    data = folder / "data"
    out = data / "run" / "found.json"  # where a locked supervisor may write
    init(data)
    outside = Outside(folder, folder)
    with redirecting(outside) as port:
        (data / "policies" / "egress.yaml").write_text(POLICY.format(port=port), "utf-8")
        targets = outside.targets(_secrets(folder, data), str(folder), str(data / "run"))
        orders = {
            "data": str(data),
            "out": str(out),
            "targets": asdict(targets)
            | {"listener": -1, "data": str(data), "ipc": str(Path("/proc/self/ns/ipc").readlink())},
            "code": {role: _code(role, port) for role in ROLES},
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.escape.live"],
            input=json.dumps(orders),
            capture_output=True,
            text=True,
            timeout=280,
            env={**os.environ, "STARTER": MARKER, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
        )
    outside.close()
    assert out.exists(), done.stderr[-4000:]
    found = json.loads(out.read_text())
    doors = found.pop("heard_at_the_doors")
    return Seen(**found, heard=b" ".join(outside.heard).decode() + doors)


class redirecting:  # noqa: N801 - reads as what it does
    """An HTTP server at the named destination that sends everybody on to the outside."""

    def __init__(self, outside: Outside) -> None:
        self._to = outside.targets({}, "", "").tcp
        self._server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._server.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._server.accept()
                with peer:
                    peer.settimeout(5)
                    with suppress(OSError):
                        peer.recv(4096)
                        where = f"Location: http://127.0.0.1:{self._to}/\r\n\r\n"
                        peer.sendall(b"HTTP/1.0 302 Found\r\n" + where.encode())


def _code(role: str, port: int) -> list[tuple[str, str, bool]]:
    """(name, source, report) for this process: every technique that is not its office, the sweep, misuse."""
    own = OFFICE.get(role, frozenset())  # type: ignore[call-overload]  # a plain text is a role here
    code = [(name, TECHNIQUE.format(name=name), False) for name in TECHNIQUES if name not in own]
    code += [(attack.__name__, _source(attack, port), False) for attack in intruder.MISUSE.get(role, ())]
    code.append(("sweep", _source(intruder.sweep, port), True))
    if role == "web":
        code.append(("control", _source(intruder.control, port), True))
    return code


def _source(attack: intruder.Attack, port: int) -> str:
    text = inspect.getsource(attack)
    head = "from typing import Any\nfrom appliance.egress.attacks.targets import Targets"
    return f"{head}\nNAMED = {port}\n{text}\nattack = {attack.__name__}\n"


def _secrets(folder: Path, data: Path) -> dict[str, str]:
    (folder / "outside.txt").write_text("not yours")
    (data / "keys" / "tls.key").write_text("a key of the door's")
    for name in ("written", "truncated", "removed", "changed", "moved"):
        (folder / name).write_text("keep")
    return {
        "outside": str(folder / "outside.txt"),
        "database": str(data / "naesil.db"),
        "root_key": str(data / "keys" / "root.key"),
        "log_key": str(data / "keys" / "log.key"),
        "tls_key": str(data / "keys" / "tls.key"),
    }


def page(seen: Seen) -> str:
    """The result as a document."""
    head = Path(__file__).with_name("escape.md").read_text("utf-8")
    names = dict.fromkeys(
        name for role in ROLES for name, row in seen.found[role].items() if isinstance(row, dict)
    )
    lines = [
        f"| technique | {' | '.join((*ROLES, *STARTERS))} |",
        f"|---|{'---|' * len((*ROLES, *STARTERS))}",
    ]
    for name in names:
        cells = (_cell(role, name, seen.found[role].get(name)) for role in (*ROLES, *STARTERS))
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    tried = [row for role in ROLES for row in seen.found[role].values() if isinstance(row, dict)]
    counts = {
        outcome: sum(row["outcome"] == outcome for row in tried) for outcome in ("blocked", "LEAKED", "void")
    }
    total = (
        f"{len(names)} techniques, {len(tried)} attempts on Linux {platform.release().split('-')[0]} "
        f"({platform.machine()}): {counts['blocked']} blocked, {counts['LEAKED']} leaked, "
        f"{counts['void']} void. "
        f"Messages that arrived outside: {0 if not seen.heard else seen.heard}."
    )
    sweeps = ", ".join(f"{role} {len(seen.found[role]['sweep'])}" for role in ROLES)
    return "\n".join([head, total, "", f"Sockets of 4,368 that opened: {sweeps}.", "", *lines, ""])


def _cell(role: str, name: str, row: dict[str, Any] | None) -> str:
    if row is None:
        return "its office" if name in OFFICE.get(role, ()) else ""  # type: ignore[call-overload]
    if role in STARTERS and row["outcome"] == "LEAKED":
        return "nobody in its network"
    return f"void: {row['layer']}" if row["outcome"] == "void" else str(row["layer"] or row["outcome"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.stdout.write(page(under_attack(Path(place))))
