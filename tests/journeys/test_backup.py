"""A backup made while people chat, brought back elsewhere: the product starts from it and they read on."""

import json
import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.journeys import test_egress
from tests.journeys.product import Product, appliance, new_key
from tests.journeys.test_bad_input import Visitor
from tests.journeys.test_egress import data, database, port, server
from tests.journeys.test_resilience import wait_for

__all__ = ["data", "database", "port", "server"]  # fixtures of test_egress

QUESTION = "세 가지 색깔 이름을 적어 주세요: 빨강"


def ask_on(product: Product, key: str, stop: threading.Event, answered: list[int]) -> None:
    """Answers one after another, so that the log grows while it is being kept."""
    headers = {"Authorization": f"Bearer {key}"}
    name = httpx.get(f"{product.url}/v1/models", headers=headers).json()["data"][0]["id"]
    body = {"model": name, "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 3}
    while not stop.is_set():
        answer = httpx.post(f"{product.url}/v1/chat/completions", headers=headers, json=body, timeout=60)
        answered.append(answer.status_code)


def chat(product: Product) -> str:
    """A conversation of the administrator's; its address."""
    visitor = Visitor(product)
    assert visitor.sign_in().status_code == 303
    visitor.look("/chat")
    sent = visitor.post("/chat/messages", text=QUESTION, client_id=str(uuid.uuid4()))
    assert sent.status_code == 200, sent.text
    address = f"/chat/{sent.json()['conversation']}"
    visitor.client.close()
    return address


def keep_while_it_serves(product: Product, key: str, kept: str) -> None:
    """A backup that is made beside answers, and checked."""
    assert appliance("backup", "key", "--out", key).returncode == 0
    stop, answered = threading.Event(), list[int]()
    talking = threading.Thread(target=ask_on, args=(product, new_key(product.data), stop, answered))
    talking.start()
    wait_for(lambda: len(answered) > 1)
    made = appliance(
        "backup", "create", "--data", str(product.data), "--out", kept, "--key-file", key, "--json"
    )
    stop.set()
    talking.join()
    assert made.returncode == 0, made.stderr
    assert set(answered) == {200}
    checked = appliance("backup", "verify", kept, "--key-file", key, "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout)["log"]["ok"]


def test_a_house_kept_while_it_serves_lives_on_elsewhere(
    start_product: Callable[..., Product], tmp_path: Path
) -> None:
    product = start_product()
    address = chat(product)
    key, kept = str(tmp_path / "recovery.key"), str(tmp_path / "kept.backup")
    keep_while_it_serves(product, key, kept)
    assert product.stop() == 0
    assert appliance("audit", "verify", "--data", str(product.data)).returncode == 0

    elsewhere = tmp_path / "another machine" / "data"
    restored = appliance("backup", "restore", kept, "--data", str(elsewhere), "--key-file", key)
    assert restored.returncode == 0, restored.stderr
    again = Product(elsewhere).wait_ready()
    try:
        if os.geteuid() == 0:
            assert elsewhere.stat().st_uid != product.data.stat().st_uid
        visitor = Visitor(again)
        assert visitor.sign_in().status_code == 303
        assert QUESTION in visitor.look(address).text
        visitor.client.close()
    finally:
        assert again.stop() == 0
    assert appliance("audit", "verify", "--data", str(elsewhere)).returncode == 0


def test_a_house_that_serves_from_postgresql_is_kept_and_lives_on_in_sqlite(
    data: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The product reaches its database through the broker, the command beside it by itself."""
    assert database.startswith("postgresql:")
    test_egress.init(data)
    product = Product(data).wait_ready()
    key, kept = str(tmp_path / "recovery.key"), str(tmp_path / "kept.backup")
    try:
        address = chat(product)
        keep_while_it_serves(product, key, kept)
    finally:
        assert product.stop() == 0
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0

    monkeypatch.delenv("NAESIL_DATABASE_URL")
    elsewhere = tmp_path / "another machine" / "data"
    restored = appliance("backup", "restore", kept, "--data", str(elsewhere), "--key-file", key)
    assert restored.returncode == 0, restored.stderr
    again = Product(elsewhere).wait_ready()
    try:
        visitor = Visitor(again)
        assert visitor.sign_in().status_code == 303
        assert QUESTION in visitor.look(address).text
        visitor.client.close()
    finally:
        assert again.stop() == 0
    assert appliance("audit", "verify", "--data", str(elsewhere)).returncode == 0
