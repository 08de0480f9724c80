"""What the running product prints as JSON lines at the most talkative level: objects, and no content."""

import json
import os
import signal
from pathlib import Path

import httpx

from tests.journeys.product import Product, init, new_key
from tests.journeys.test_resilience import healthy, wait_for

MARK = "수박열두통의비밀"


def test_every_line_is_an_object_and_none_holds_what_was_asked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    talkative = ("env", "NAESIL_LOG_FORMAT=json", "NAESIL_LOG_LEVEL=debug")
    product = Product(data, before=talkative).wait_ready()
    try:
        headers = {"Authorization": f"Bearer {new_key(data)}", "x-request-id": "request-of-ours"}
        name = httpx.get(f"{product.url}/v1/models", headers=headers).json()["data"][0]["id"]
        asked = {"model": name, "messages": [{"role": "user", "content": MARK}], "max_tokens": 4}
        answer = httpx.post(
            f"{product.url}/v1/chat/completions", headers=headers, json=asked, timeout=60
        ).raise_for_status()
        bad = httpx.post(f"{product.url}/v1/chat/completions", headers=headers, json={"messages": MARK})
        assert bad.status_code == 400
        os.kill(product.children()["runtime"], signal.SIGKILL)
        wait_for(lambda: any("runtime ended" in line for line in product.output))
        wait_for(lambda: healthy(product))
    finally:
        assert product.stop() == 0
    printed = "".join(product.output)
    assert MARK not in printed
    assert answer.json()["choices"][0]["message"]["content"] not in printed
    lines = [line for line in product.output if not line.startswith(("Naesil: ", "Open http"))]
    told = [json.loads(line) for line in lines]
    assert {"supervisor", "web"} <= {one["process"] for one in told}
    assert all({"time", "level", "logger", "message"} <= set(one) for one in told)
