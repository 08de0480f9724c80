"""The database is killed while the product serves: clear refusals, service again, nothing lost."""

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from tests.journeys.product import ADMIN, PASSWORD, Product, appliance, new_key
from tests.journeys.test_audit_journey import model
from tests.journeys.test_egress import data, database, init, port, server
from tests.journeys.test_egress import recorded as recorded_as
from tests.journeys.test_resilience import start_long_answer, wait_for
from tests.postgres import Cluster

__all__ = ["data", "database", "port", "server"]  # fixtures of test_egress


@dataclass
class Asking:
    """Somebody who asks one question after the other, and keeps what each came to."""

    product: Product
    key: str
    answers: list[tuple[str, httpx.Response]] = field(default_factory=list)

    def __call__(self, stopped: threading.Event) -> None:
        name = model(self.product, self.key)
        while not stopped.is_set():
            request = f"asked-{len(self.answers)}"
            answer = httpx.post(
                f"{self.product.url}/v1/chat/completions",
                headers={"Authorization": f"Bearer {self.key}", "x-request-id": request},
                json={"model": name, "messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 1},
                timeout=60,
            )
            self.answers.append((request, answer))

    def requests(self, status: int) -> list[str]:
        return [request for request, answer in self.answers if answer.status_code == status]


@contextmanager
def asking(product: Product, key: str) -> Iterator[Asking]:
    """Questions without a pause for as long as the block lasts."""
    stopped, one = threading.Event(), Asking(product, key)
    thread = threading.Thread(target=one, args=(stopped,))
    thread.start()
    try:
        yield one
    finally:
        stopped.set()
        thread.join()


def recorded(url: str) -> list[tuple[str, str]]:
    """(action, request) of every entry."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT convert_from(leaf, 'UTF8') FROM audit_entries").fetchall()
    told = [json.loads(row[0]) for row in rows]
    return [(one["action"], one.get("request", "")) for one in told]


class SignInPage:
    """The page that somebody has open in a browser, with its form."""

    def __init__(self, client: httpx.Client, product: Product) -> None:
        self._client = client
        self._address = f"{product.url}/sign-in"
        found = re.search(r'name="csrf" value="([^"]+)"', client.get(self._address).text)
        assert found is not None
        self._csrf = found[1]

    def send(self) -> httpx.Response:
        form = {"csrf": self._csrf, "name": ADMIN, "password": PASSWORD, "next": "/chat"}
        return self._client.post(self._address, data=form, headers={"accept-language": "en"})


def test_a_killed_database_is_refused_clearly_and_nothing_that_was_acknowledged_is_lost(
    data: Path, database: str, server: Cluster
) -> None:
    init(data)
    product = Product(data).wait_ready()
    try:
        key = new_key(data)
        with asking(product, key) as one, httpx.Client() as client:
            wait_for(lambda: len(one.requests(200)) >= 3)
            sign_in = SignInPage(client, product)
            cut = start_long_answer(product, key, client).iter_lines()
            next(line for line in cut if '"content"' in line and '"content": ""' not in line)
            server.kill()
            wait_for(lambda: len(one.requests(503)) >= 3)
            page = sign_in.send()
            assert (page.status_code, page.headers["retry-after"]) == (503, "5")
            assert "The database does not answer. Nothing was saved" in page.text
            assert '"storage_failed"' in "\n".join(cut)
            runtime = product.children()["runtime"]
            os.kill(runtime, signal.SIGKILL)
            wait_for(lambda: product.children().get("runtime", runtime) != runtime)
            before = len(one.requests(200))
            server.start()
            wait_for(lambda: len(one.requests(200)) >= before + 3)
            assert sign_in.send().status_code == 303
        wait_for(lambda: unsettled(database) == [])
    finally:
        assert product.stop() == 0
    refused = [answer for _, answer in one.answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}
    assert {answer.json()["error"]["code"] for answer in refused} == {"storage_failed"}
    entries = recorded(database)
    for request in one.requests(200):
        assert entries.count(("chat:prompt:accept", request)) == 1
        assert entries.count(("chat:reply:finish", request)) == 1
    actions = [action for action, _ in entries]
    assert actions.count("system:service:start") == 1
    promised = {"system:service:stop", "system:guard:report", "system:settings:change", "egress:guard:probe"}
    assert promised | {"egress:connection:grant", "egress:connection:close"} <= set(actions)
    assert actions.count("system:runtime:restart") == 1  # though it ended while nothing could be recorded
    assert_summed(recorded_as(database, "egress:connection:fail"))
    assert not any("Traceback" in line for line in product.output)
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0


def assert_summed(failed: list[str]) -> None:
    """Dials that failed, while the database was away for less than a minute: the first, then counts."""
    entries = [json.loads(one) for one in failed]
    sorts = {(one["object"], one["reason"].partition(";")[0]) for one in entries}
    assert 0 < len(entries) <= 3 * len(sorts)
    assert sum(int(one["reason"].rpartition("count=")[2]) for one in entries) > len(entries)


def unsettled(url: str) -> list[str]:
    """The requests of prompts that were accepted and have no end in the log."""
    entries = recorded(url)
    ended = {request for action, request in entries if action == "chat:reply:finish"}
    return [request for action, request in entries if action == "chat:prompt:accept" and request not in ended]
