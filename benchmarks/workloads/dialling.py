"""What the guard costs when it closes around each process, and what dialling through it costs."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.protocol.egress import Destination
from benchmarks.load import median
from benchmarks.registry import Bar, Measurement, Scale
from tests.egress.dialling import servers
from tests.egress.dialling.acts import carry, measure
from tests.egress.dialling.house import House

CLOSE = """
import json, os, socket, sys, time
from dataclasses import replace
from pathlib import Path
from appliance.egress import jail, profiles
data, role = Path(sys.argv[1]), sys.argv[2]
ours, theirs = socket.socketpair()
given = (ours.fileno(), theirs.fileno())
profile = {
    "web": lambda: profiles.watched(
        profiles.web_profile(data, (), given), (), lambda *trap: socket.send_fds(ours, [b"x"], trap)
    ),
    "runtime": lambda: profiles.runtime_profile(data / "model", given),
    "sealer": lambda: profiles.sealer_profile(data / "keys", given),
    "gate": lambda: profiles.gate_profile(given),
    "broker": lambda: profiles.broker_profile((), given),
}[role]()
began = time.perf_counter()
report = jail.close(profile)
took = (time.perf_counter() - began) * 1000
print(json.dumps([report.level, took]))
"""
ROLES = ("web", "runtime", "sealer", "gate", "broker")


def closing(scale: Scale) -> dict[str, float]:
    """Milliseconds to close each jail, in fresh processes. In the product they close at the same time."""
    figures = {}
    with _data() as data:
        for role in ROLES:
            times = [_close(data, role) for _ in range(scale.of(9, 1))]
            figures[f"{role}_ms"] = median(times)
    return {**figures, "slowest_ms": max(figures.values())}


def dialling(scale: Scale) -> dict[str, float]:
    """A connection and its bytes through gate and broker, beside the same without them; a denial."""
    count, megabytes = scale.of(200, 5), scale.of(200, 2)
    with _data() as data, servers.server(servers.echo) as port:
        house = House(data, Destination("echo", "echo.example", port, "tcp", ("127.0.0.1",)))
        try:
            through = house.do("measure", "echo.example", port, count)
            denied = house.do("measure_denials", scale.of(2000, 20))
            began = time.perf_counter()
            house.do("carry", "echo.example", port, megabytes)
            carried = megabytes / (time.perf_counter() - began)
        finally:
            house.close()
        began = time.perf_counter()
        carry("127.0.0.1", port, megabytes)
        direct = megabytes / (time.perf_counter() - began)
        return {
            "connect_ms": median(through) * 1000,
            "direct_connect_ms": median(measure("127.0.0.1", port, count)) * 1000,
            "denial_us": median(denied) * 1e6,
            "carried_mb_per_s": carried,
            "direct_mb_per_s": direct,
        }


@contextmanager
def _data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        (data / "keys").mkdir(parents=True)
        for name in ("keys/root.key", "model"):
            (data / name).write_text("x")
        yield data


def _close(data: Path, role: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE, str(data), role], capture_output=True, text=True, check=True
    )
    level, took = json.loads(done.stdout)
    if level != "kernel":
        raise RuntimeError(f"the jail of {role} reaches only {level} here")
    return float(took)


WORKLOADS = (
    Measurement(
        "guard-start-all",
        "milliseconds to close the jail of each process",
        closing,
        bars=(Bar("slowest_ms", 300, "at most"),),
    ),
    Measurement("dialling", "connections through gate and broker beside direct ones", dialling),
)
