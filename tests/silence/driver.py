"""Runs in a network namespace of its own: the product, a client, a way out that leads to a recorder.

`python -m tests.silence.driver DATA KEY TRACE`: prints what was seen as one line of JSON. TRACE is
the file for strace, or "-" without it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.journeys.product import Product, appliance
from tests.silence import trace
from tests.silence.recorder import LOOPBACK, Recorder
from tests.silence.session import Session

SETUP = """
ip link set lo up
ip link add out0 type veth peer name out1
sysctl -qw net.ipv6.conf.out0.disable_ipv6=1 net.ipv6.conf.out1.disable_ipv6=1 || true
ip address add 192.0.2.1/24 dev out0
ip link set out0 up
ip link set out1 up
ip neighbour add 192.0.2.254 lladdr 02:00:00:00:00:01 dev out0
ip route add default via 192.0.2.254
"""
QUIET_S = 2.0
PATIENCE_S = 120.0


def main(data: Path, key: str, traced: Path | None) -> dict[str, Any]:
    """Start, wait until the self-attack of the start is over, work, be quiet, stop."""
    subprocess.run(["sh", "-ec", SETUP], check=True)
    recorder = Recorder()
    before = () if traced is None else trace.command(traced)
    product = Product(data, before=before).wait_ready()
    _wait_for_the_first_probe(data)
    begin = time.time()
    try:
        done = Session(product.url, data).run(key)
    except Exception:
        sys.stderr.writelines(product.output)  # what the product said about it
        os._exit(1)  # not kept up by whoever still records or reads
    time.sleep(QUIET_S)
    end = time.time()
    status = json.loads(appliance("egress", "status", "--data", str(data), "--json").stdout)
    processes = [one["pid"] for one in (*status["processes"], status["supervisor"])]
    os.kill(status["supervisor"]["pid"], signal.SIGTERM)
    product.process.wait(PATIENCE_S)
    outside = [packet for packet in recorder.packets if packet.interface != LOOPBACK]
    heard = _does_the_recorder_hear(recorder)
    recorder.stop()
    port = urlsplit(product.url).port
    inside = [packet for packet in recorder.packets if begin <= packet.time <= end]
    return {
        "done": done,
        "processes": processes,
        "outside": [packet.interface for packet in outside],
        "client": sum(port in packet.ports for packet in inside),
        "strangers": [list(packet.ports) for packet in inside if port not in packet.ports],
        "recorder_hears": heard,
        "attempts": [] if traced is None else _between(trace.attempts(traced), begin, end),
        "attempts_before": 0 if traced is None else sum(one.time < begin for one in trace.attempts(traced)),
    }


def _wait_for_the_first_probe(data: Path) -> None:
    """It is in the log when it is over."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if b"egress:guard:probe" in b"".join(path.read_bytes() for path in data.glob("naesil.db*")):
            return
        time.sleep(0.2)
    raise AssertionError("the self-attack of the start is not in the log")


def _does_the_recorder_hear(recorder: Recorder) -> bool:
    """The positive control: one datagram of our own to the world must be seen."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"control", ("203.0.113.9", 53))
    time.sleep(0.5)
    return any(packet.interface == "out0" and 53 in packet.ports for packet in recorder.packets)


def _between(found: list[trace.Attempt], begin: float, end: float) -> list[str]:
    return [one.text for one in found if begin <= one.time <= end]


if __name__ == "__main__":
    wanted = None if sys.argv[3] == "-" else Path(sys.argv[3])
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2], wanted)))
