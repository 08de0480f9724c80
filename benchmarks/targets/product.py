"""Naesil itself, as a site runs it: `appliance serve`, people with keys, policy, audit, guard."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.cli.house import OPERATOR, open_house
from appliance.core import Role
from benchmarks import sse
from benchmarks.load import Target
from benchmarks.registry import PRODUCT, Setup
from benchmarks.targets.remote import Remote, first_model
from benchmarks.targets.servers import START_LIMIT_S, stop

APPLIANCE = Path(sys.executable).parent / "appliance"
PASSWORD = "아무도 모르는 저울 두 개"


@asynccontextmanager
async def start(
    setup: Setup, model: Path, *flags: str, prepare: Callable[[Path], object] = lambda _data: None
) -> AsyncIterator[Target]:
    """The product over a fresh data folder with `setup.users` people, each with an API key.

    `prepare` puts more into the folder before the start.
    """
    with tempfile.TemporaryDirectory(prefix="naesil-bench-") as folder:
        data = Path(folder) / "data"
        keys = tuple(people(data, setup.users))
        prepare(data)
        log = Path(folder) / "log"
        process = _serve(data, setup, model, log, flags)
        try:
            url = await address(process, log)
            yield Remote(PRODUCT, url, await _ready(process, url, keys[0]), process.pid, keys)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text('utf-8', 'replace')[-2000:]}") from None
        finally:
            stop(process)


def people(data: Path, count: int) -> list[str]:
    """Accounts straight into the data folder, as the command line makes them; their keys."""
    keys = []
    with open_house(data, create=True) as house:
        for number in range(count):
            account = house.accounts.create(
                OPERATOR, f"user{number}", PASSWORD, frozenset({Role.MEMBER, Role.ADMINISTRATOR})
            )
            keys.append(house.keys.create(OPERATOR, account.id, "benchmark")[1])
    return keys


def _serve(
    data: Path, setup: Setup, model: Path, log: Path, flags: tuple[str, ...]
) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "LANG": "C.UTF-8",
        "NAESIL_SLOTS": str(setup.slots),
        "NAESIL_CONTEXT": str(setup.context),
        "NAESIL_QUEUE_LIMIT": str(setup.queue_limit),
    }
    where = ("--data", str(data), "--port", "0", "--model", str(model))
    command = [str(APPLIANCE), "serve", *where, *flags]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
        )


async def address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """What it prints after "Open "."""
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        words = log.read_text("utf-8", "replace").split()
        found = [word for word in words if word.startswith("http://")]
        if found:
            return found[0].split("/setup/")[0]
        await asyncio.sleep(0.005)
    raise RuntimeError(f"appliance serve did not start (exit status {process.poll()})")


async def _ready(process: "subprocess.Popen[bytes]", url: str, key: str) -> str:
    """The model's name, once it is loaded."""
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        if (await sse.get(url, "/health"))[0] == 200:
            return await first_model(url, key)
        await asyncio.sleep(0.05)
    raise RuntimeError(f"the model did not load (exit status {process.poll()})")
