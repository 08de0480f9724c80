"""A policy from a folder into the running product and back, by the command line alone."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from tests.journeys.product import Product, appliance, new_key
from tests.journeys.test_audit_journey import model

RULE = """
  - id: P-9
    directions: [prompt]
    detectors: [phone]
    action: block
    reason: {ko: 전화번호는 보내지 않습니다., en: No telephone numbers.}
"""


def send(product: Product, key: str) -> httpx.Response:
    return httpx.post(
        f"{product.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={
            "model": model(product, key),
            "messages": [{"role": "user", "content": "Call 010-1234-5678."}],
            "max_tokens": 4,
        },
        timeout=60,
    )


def wait_for(product: Product, key: str, status: int) -> httpx.Response:
    """Ask until the answer has this status; the product follows within its own second."""
    answer = send(product, key)
    for _ in range(40):
        if answer.status_code == status:
            break
        time.sleep(0.25)
        answer = send(product, key)
    assert answer.status_code == status, answer.text
    return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped dlp.yaml with one more rule."""
    made = tmp_path / "set"
    made.mkdir()
    shipped = (Path(__file__).parents[2] / "policies" / "dlp.yaml").read_text("utf-8")
    (made / "dlp.yaml").write_text(shipped + RULE, "utf-8")
    return made


def test_what_the_command_line_activates_the_running_product_follows(
    start_product: Callable[..., Product], folder: Path
) -> None:
    running = start_product()
    data, key = str(running.data), new_key(running.data)
    assert send(running, key).status_code == 200
    tried = appliance("policy", "replay", str(folder), "--data", data, "--json")
    assert json.loads(tried.stdout)["changed"] == 1
    applied = appliance("policy", "apply", str(folder), "--data", data, "--note", "시험", "--json")
    assert json.loads(applied.stdout)["number"] == 2
    assert "P-9" in wait_for(running, key, 403).text
    (folder / "dlp.yaml").write_text("version: 1\nrulez: []\n", "utf-8")
    wrong = appliance("policy", "apply", str(folder), "--data", data)
    assert (wrong.returncode, "Did you mean 'rules'?" in wrong.stderr) == (1, True)
    assert appliance("policy", "rollback", "1", "--data", data).returncode == 0
    wait_for(running, key, 200)
    history = json.loads(appliance("policy", "history", "--data", data, "--json").stdout)
    assert [one["number"] for one in history] == [3, 2, 1]


def test_refusals_reach_the_official_client_as_the_errors_it_knows(
    start_product: Callable[..., Product], folder: Path
) -> None:
    """What policy forbids is PermissionDeniedError; what goes beyond a limit RateLimitError."""
    running = start_product()
    data, key = str(running.data), new_key(running.data)
    shipped = (Path(__file__).parents[2] / "policies" / "limits.yaml").read_text("utf-8")
    one_a_minute = re.sub(r"requests_per_minute: \d+", "requests_per_minute: 1", shipped)
    (folder / "limits.yaml").write_text(one_a_minute, "utf-8")
    assert appliance("policy", "apply", str(folder), "--data", data).returncode == 0
    wait_for(running, key, 403)
    with OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0) as client:
        name = model(running, key)
        with pytest.raises(openai.PermissionDeniedError) as denied:
            client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "Call 010-1234-5678."}]
            )
        assert denied.value.code == "policy_violation"
        with pytest.raises(openai.RateLimitError) as limited:
            ask_thrice(client, name)
        assert int(limited.value.response.headers["retry-after"]) > 0
    with (
        OpenAI(base_url=f"{running.url}/v1", api_key="nsk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def ask_thrice(client: OpenAI, name: str) -> None:
    for _ in range(3):
        client.completions.create(model=name, prompt="One, two,", max_tokens=2)
