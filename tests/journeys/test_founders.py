"""Whoever began before the locks closed cannot be started again: its end is the product's, cleanly."""

import json
import os
import signal
from pathlib import Path

from tests.journeys.product import ADMIN, Product, appliance, init, new_key
from tests.journeys.test_resilience import alive, wait_for

POLICY = """
version: 1
destinations:
  - name: siem
    host: 127.0.0.1
    port: 6514
    protocol: syslog
    purpose: the log on another machine
    approver: CISO
"""
ENDS = {
    "keeper": "launcher of the product's processes is gone",
    "post": "process that listens during a self-attack ended",
    "supervisor": "supervisor ended with status -9",
}


def processes(product: Product) -> dict[str, int]:
    """Name -> process id of all that `egress status` knows."""
    status = json.loads(appliance("egress", "status", "--data", str(product.data), "--json").stdout)
    return {one["process"]: one["facts"]["pid"] for one in (*status["processes"], status["supervisor"])}


def test_the_end_of_a_founder_ends_the_product_and_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    (data / "policies").mkdir(exist_ok=True)
    (data / "policies" / "egress.yaml").write_text(POLICY, "utf-8")
    for role, reason in ENDS.items():
        product = Product(data).wait_ready()
        everybody = processes(product)
        new_key(data)
        os.kill(everybody[role], signal.SIGKILL)
        assert product.process.wait(30) == 3  # neither 0 nor 2: a service manager starts it again
        wait_for(lambda everybody=everybody: not any(alive(pid) for pid in everybody.values()))  # type: ignore[misc]
        product.stop()
        assert reason in "".join(product.output)
        assert "Traceback" not in "".join(product.output)
    again = Product(data).wait_ready()
    assert set(processes(again)) == set(everybody)
    keys = json.loads(appliance("key", "list", "--user", ADMIN, "--data", str(data), "--json").stdout)
    assert again.stop() == 0
    assert len(keys) == len(ENDS)
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0
