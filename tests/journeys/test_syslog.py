"""The log of the running product reaches the receiver that was named at its start, and no other."""

import sqlite3
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.receiver import Listener
from tests.journeys.product import Product, appliance, init
from tests.journeys.test_resilience import wait_for

DESTINATION = """
  - name: {name}
    host: 127.0.0.1
    port: {port}
    protocol: syslog
    purpose: the log on another machine
    approver: CISO
"""


def policies(folder: Path, receiver: Listener, *named: Listener) -> None:
    """An audit.yaml that sends the log to `receiver`, an egress.yaml that names these."""
    folder.mkdir(parents=True, exist_ok=True)
    destinations = "".join(
        DESTINATION.format(name=f"siem-{number}", port=one.port) for number, one in enumerate(named)
    )
    (folder / "egress.yaml").write_text(f"version: 1\ndestinations:{destinations}", "utf-8")
    ca = textwrap.indent(receiver.ca, "    ")
    syslog = f"syslog:\n  host: 127.0.0.1\n  port: {receiver.port}\n  ca: |\n{ca}"
    (folder / "audit.yaml").write_text(f"version: 1\n{syslog}", "utf-8")


def recorded(data: Path, *words: str) -> list[str]:
    """The log's entries that hold all these words."""
    with sqlite3.connect(data / "naesil.db") as connection:
        rows = connection.execute("SELECT CAST(leaf AS TEXT) FROM audit_entries").fetchall()
    return [row[0] for row in rows if all(word in row[0] for word in words)]


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[tuple[Listener, Listener]]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = Listener(tmp_path / "one"), Listener(tmp_path / "other")
    yield one, other
    one.close()
    other.close()


def test_the_log_goes_to_the_receiver_that_was_named_at_the_start_and_to_no_other(
    tmp_path: Path, receivers: tuple[Listener, Listener]
) -> None:
    named, unnamed = receivers
    data = tmp_path / "data"
    init(data)
    policies(data / "policies", named, named)
    product = Product(data).wait_ready()
    try:
        wait_for(lambda: any('"action":"system:service:start"' in line for line in named.lines))
        wait_for(lambda: bool(recorded(data, "egress:connection:grant", f":127.0.0.1:{named.port}")))
        policies(tmp_path / "set", unnamed, named, unnamed)  # in force at once, and opens nothing
        applied = appliance("policy", "apply", str(tmp_path / "set"), "--data", str(data))
        assert applied.returncode == 0, applied.stderr
        wait_for(lambda: bool(recorded(data, "egress:call:deny", f":127.0.0.1:{unnamed.port}")))
        wait_for(lambda: bool(recorded(data, "audit:log:forward", f"127.0.0.1:{unnamed.port}", "failed")))
    finally:
        assert product.stop() == 0
    assert (unnamed.knocks, unnamed.lines) == (0, [])
    assert recorded(data, "egress:connection:close", "siem-0")
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0
