"""The whole product at work in a network of its own, where every packet and every attempt is recorded."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.journeys.product import init, new_key

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

pytestmark = pytest.mark.timeout(960)  # strace makes a busy machine slow


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen of one session, by the recorder and, where there is one, by strace."""
    folder = tmp_path_factory.mktemp("silence")
    data = folder / "data"
    init(data)
    trace = str(folder / "trace") if shutil.which("strace") else "-"
    words = [sys.executable, "-m", "tests.silence.driver", str(data), new_key(data), trace]
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *own, "--net", *words],
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_session_was_a_whole_one(seen: dict[str, Any]) -> None:
    assert seen["done"] == ["sign-in", "chat", "documents", "api", "console", "export", "sign-out"]
    assert seen["client"] > 100


def test_no_packet_went_to_anything_but_the_client(seen: dict[str, Any]) -> None:
    assert seen["recorder_hears"]
    assert seen["outside"] == []  # from the first moment to the last
    assert seen["strangers"] == []


@needs_strace
def test_no_process_even_tried(seen: dict[str, Any]) -> None:
    assert seen["attempts_before"] > 100  # the self-attack of the start: strace sees what is tried
    assert seen["attempts"] == []
