"""Processes that die, and a product that carries on or ends cleanly."""

import os
import signal
import time
from collections.abc import Callable

import httpx

from tests.journeys.product import Product, appliance, new_key

LONG = {"messages": [{"role": "user", "content": "Tell me a very long story."}], "max_tokens": 1500}


def start_long_answer(product: Product, key: str, client: httpx.Client) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    name = client.get(f"{product.url}/v1/models", headers=headers).json()["data"][0]["id"]
    request = client.build_request(
        "POST",
        f"{product.url}/v1/chat/completions",
        headers=headers,
        json={**LONG, "model": name, "stream": True, "seed": 1},
        timeout=60,
    )
    return client.send(request, stream=True)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def healthy(product: Product) -> bool:
    return httpx.get(f"{product.url}/health").status_code == 200


def test_a_killed_runtime_ends_its_answers_clearly_and_comes_back(
    start_product: Callable[..., Product],
) -> None:
    product = start_product()
    key = new_key(product.data)
    with httpx.Client() as client:
        answer = start_long_answer(product, key, client)
        lines = answer.iter_lines()
        # words, not the empty first piece: an answer that has said nothing yet is tried once more
        next(line for line in lines if '"content"' in line and '"content": ""' not in line)
        os.kill(product.children()["runtime"], signal.SIGKILL)
        rest = "\n".join(lines)
        assert '"error"' in rest
        assert "Send the request again" in rest
        page = client.get(f"{product.url}/sign-in")
        assert page.status_code == 200
        wait_for(lambda: healthy(product))
        again = start_long_answer(product, key, client)
        assert next(line for line in again.iter_lines() if '"content"' in line)
        again.close()
    assert product.stop() == 0
    assert appliance("audit", "verify", "--data", str(product.data)).returncode == 0


def test_a_killed_sealer_or_web_is_replaced(start_product: Callable[..., Product]) -> None:
    product = start_product()
    key = new_key(product.data)
    for role in ("sealer", "web"):
        before = product.children()[role]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda role=role, before=before: product.children().get(role, before) != before)  # type: ignore[misc]
        product.wait_ready()
    with httpx.Client() as client:
        answer = start_long_answer(product, key, client)
        assert next(line for line in answer.iter_lines() if '"content"' in line)
        answer.close()
    assert product.stop() == 0
    assert appliance("audit", "verify", "--data", str(product.data)).returncode == 0


def test_sigterm_leaves_no_process_and_no_socket(start_product: Callable[..., Product]) -> None:
    product = start_product()
    children = product.children()
    assert set(children) == {"web", "runtime", "sealer", "gate", "post", "extractor"}
    assert product.stop() == 0
    assert not any(os.path.exists(f"/proc/{number}") for number in children.values())  # noqa: PTH110 - a bare look


def test_children_do_not_outlive_a_killed_supervisor(start_product: Callable[..., Product]) -> None:
    product = start_product()
    children = product.children()
    product.process.kill()
    product.process.wait()
    wait_for(lambda: not any(alive(number) for number in children.values()))


def test_an_answer_that_a_crash_cut_off_is_settled_at_the_next_start(
    start_product: Callable[..., Product],
) -> None:
    product = start_product()
    key = new_key(product.data)
    with httpx.Client() as client:
        answer = start_long_answer(product, key, client)
        next(line for line in answer.iter_lines() if '"content"' in line)
        product.process.kill()
        product.process.wait()
        answer.close()
    again = start_product()
    assert again.stop() == 0
    result = appliance("audit", "verify", "--data", str(again.data), "--json")
    assert result.returncode == 0, result.stdout


def alive(number: int) -> bool:
    try:
        with open(f"/proc/{number}/stat") as file:  # noqa: PTH123 - a bare look
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
