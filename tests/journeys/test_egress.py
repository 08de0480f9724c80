"""The whole product with one destination: its database, reached through the broker alone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.egress.dialling.servers import free_port
from tests.journeys.product import ADMIN, PASSWORD, Product, appliance, new_key
from tests.journeys.test_audit_journey import ask
from tests.journeys.test_resilience import wait_for
from tests.postgres import Cluster, cluster

POLICY = """
version: 1
destinations:
  - name: database
    host: 127.0.0.1
    port: {port}
    protocol: postgresql
    purpose: users, conversations, log
    approver: CISO
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(port: int) -> Iterator[Cluster]:
    with cluster("listen_addresses=127.0.0.1", f"port={port}") as running:
        yield running


@pytest.fixture
def database(port: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    request.getfixturevalue("server")
    address = f"postgresql://naesil@127.0.0.1:{port}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE naesil")
    url = f"{address}/naesil"
    monkeypatch.setenv("NAESIL_DATABASE_URL", url)
    return url


@pytest.fixture
def data(tmp_path: Path, port: int) -> Path:
    folder = tmp_path / "data"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "egress.yaml").write_text(POLICY.format(port=port), "utf-8")
    return folder


def init(data: Path) -> None:
    password = data.parent / "password"
    password.write_text(PASSWORD + "\n", "utf-8")
    done = appliance("init", "--data", str(data), "--admin", ADMIN, "--password-file", str(password))
    assert done.returncode == 0, done.stderr


def recorded(database: str, action: str) -> list[str]:
    """The entries with this action, as text."""
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT convert_from(leaf, 'UTF8') FROM audit_entries").fetchall()
    return [row[0] for row in rows if f'"action":"{action}"' in row[0]]


def test_the_product_lives_in_a_database_that_only_the_broker_can_reach(
    data: Path, database: str, port: int
) -> None:
    init(data)
    product = Product(data).wait_ready()
    try:
        key = new_key(data)
        ask(product, key, "Say hello.")
        assert set(product.children()) == {
            "web", "runtime", "sealer", "gate", "broker", "post", "extractor",
        }  # fmt: skip
        wait_for(lambda: bool(recorded(database, "egress:connection:grant")))
        grant = recorded(database, "egress:connection:grant")[0]
        assert f'"object":"destination:database connect:127.0.0.1:{port}"' in grant
        for role in ("gate", "broker"):
            before = product.children()[role]
            os.kill(before, signal.SIGKILL)
            wait_for(lambda role=role, before=before: product.children().get(role, before) != before)  # type: ignore[misc]
        wait_for(lambda: served(product, key))
    finally:
        assert product.stop() == 0
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0


def served(product: Product, key: str) -> bool:
    try:
        return bool(ask(product, key, "Say hello."))
    except AssertionError:
        return False


def test_a_destination_that_is_none_stops_the_start_with_its_line(data: Path) -> None:
    policy = data / "policies" / "egress.yaml"
    for host, reason in (("'*.corp.example'", "wildcard"), ("nowhere.invalid", "no address")):
        policy.write_text(POLICY.format(port=5432).replace("127.0.0.1", host), "utf-8")
        done = appliance("serve", "--data", str(data), "--port", "0")
        assert done.returncode == 2
        assert "egress.yaml, line 5" in done.stderr
        assert reason in done.stderr
