"""Starting a process that locks itself and does one thing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Locked = Callable[..., Any]


def start(name: str, arguments: dict[str, Any], descriptors: Sequence[int] = ()) -> "subprocess.Popen[str]":
    """One function of tests.egress.inside in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.egress.inside", name, json.dumps(arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=descriptors,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@pytest.fixture
def locked() -> Locked:
    """Run one function of tests.egress.inside to its end; its answer."""

    def run(name: str, **arguments: Any) -> Any:
        process = start(name, arguments)
        answer, problems = process.communicate(timeout=120)
        assert process.returncode == 0, problems
        return json.loads(answer)

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with its keys."""
    (tmp_path / "keys").mkdir()
    for name in ("root.key", "log.key"):
        (tmp_path / "keys" / name).write_text(name)
    return tmp_path
