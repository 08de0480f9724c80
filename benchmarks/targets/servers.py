"""Starting a peer's server process on a free port and waiting until it answers."""

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import sse
from benchmarks.load import Target
from benchmarks.targets.remote import Remote, first_model

START_LIMIT_S = 120.0


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@asynccontextmanager
async def serving(name: str, command: Sequence[str], port: int) -> AsyncIterator[Target]:
    """The server that `command` starts on `port`, once its /health says it is ready."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            await _healthy(process, url)
            yield Remote(name, url, await first_model(url), process.pid)
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}\n{log.read()[-2000:].decode(errors='replace')}") from None
        finally:
            stop(process)


async def _healthy(process: "subprocess.Popen[bytes]", url: str) -> None:
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if (await sse.get(url, "/health"))[0] == 200:
                return
        except (OSError, EOFError, ValueError, IndexError):
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError(f"{url} did not become ready (exit status {process.poll()})")


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def threads() -> int:
    return len(os.sched_getaffinity(0))


ROOT = Path(__file__).resolve().parents[2]
BUILDS = ROOT / ".venv-bench"
