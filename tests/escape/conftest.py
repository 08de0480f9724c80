"""An outside world and a way to let a process attack it, locked or not."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from appliance.egress import jail
from appliance.egress.environment import child_environment
from appliance.egress.probe import TECHNIQUES, Row
from tests.escape.outside import MARKER, Outside

KEYS = ("keys/root.key", "keys/log.key", "keys/log.head", "keys/tls.key")
OTHERS = ("config.toml", "policies/egress.yaml", "run/serve.lock")
ALL_STEPS = tuple(step.__name__ for step in jail.STEPS)


@dataclass(frozen=True, slots=True)
class Result:
    """How each technique ended, and every message that somebody outside received."""

    rows: dict[str, Row]
    heard: str

    def named(self, outcome: str) -> set[str]:
        return {name for name, row in self.rows.items() if row.outcome == outcome}


Attack = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as the product has it, with a byte in everything."""
    folder = tmp_path / "data"
    for name in (*KEYS, "models/model.gguf", "naesil.db", *OTHERS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.fixture
def attack(data: Path, tmp_path: Path) -> Attack:
    """Run techniques in a process of `role`, leaving out some of the jail's steps; what came of it."""

    def run(
        role: str,
        techniques: Sequence[str] = tuple(TECHNIQUES),
        without: Sequence[str] = (),
        *,
        connected: bool = False,
    ) -> Result:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        outside = Outside(folder, data)
        targets = outside.targets(_secrets(folder, data), str(_precious(folder)), str(data))
        orders = {
            "role": role,
            "data": str(data),
            "techniques": list(techniques),
            "targets": asdict(targets),
            "without": list(without),
            "message": role,
            "connected": connected,
        }
        try:
            rows = _order(orders, outside.listener.fileno())
        finally:
            outside.close()
        return Result({row["technique"]: Row(**row) for row in rows}, b" ".join(outside.heard).decode())

    return run


def _secrets(folder: Path, data: Path) -> dict[str, str]:
    (folder / "outside.txt").write_text("not yours")
    return {
        "outside": str(folder / "outside.txt"),
        "database": str(data / "naesil.db"),
        "root_key": str(data / "keys" / "root.key"),
        "log_key": str(data / "keys" / "log.key"),
        "tls_key": str(data / "keys" / "tls.key"),
    }


def _precious(folder: Path) -> Path:
    precious = folder / "precious"
    precious.mkdir()
    for name in ("written", "truncated", "removed", "changed", "moved"):
        (precious / name).write_text("keep")
    return precious


def _environment(without: list[str]) -> dict[str, str]:
    """A new one, as the product gives its children; without that step, the starter's own as well."""
    own = {"STARTER": MARKER} if {"_prepare", "environment"} & set(without) else {}
    return child_environment() | own | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _order(orders: dict[str, Any], listener: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.escape.attacker"],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        pass_fds=[listener],
        env=_environment(orders["without"]),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
