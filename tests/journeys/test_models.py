"""Models by the command line: bring one in, switch the running product to it, let it go."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.inference.tiny_models import FAMILIES, write
from tests.journeys.product import Product, appliance, init, new_key

LONG = {"messages": [{"role": "user", "content": "Tell me a very long story."}], "max_tokens": 400}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, embedded_model: Path) -> Path:
    return write(tmp_path_factory.mktemp("models") / "Tiny Qwen.gguf", FAMILIES["qwen2"], embedded_model)


def model(data: Path, *words: str) -> str:
    result = appliance("model", *words, "--data", str(data))
    assert result.returncode == 0, result.stderr
    return result.stdout


def names(data: Path, mark: str) -> list[str]:
    return [one["name"] for one in json.loads(model(data, "list", "--json")) if one[mark]]


def stream(product: Product, key: str, ask: dict[str, object]) -> list[str]:
    headers = {"Authorization": f"Bearer {key}"}
    body = {**ask, "stream": True, "seed": 1}
    with httpx.stream(
        "POST", f"{product.url}/v1/chat/completions", headers=headers, json=body, timeout=120
    ) as answer:
        return list(answer.iter_lines())


def served(product: Product, key: str) -> str:
    found = httpx.get(f"{product.url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    return str(found.json()["data"][0]["id"])


def test_a_model_is_imported_chosen_and_removed_without_a_running_product(tmp_path: Path, tiny: Path) -> None:
    data = tmp_path / "data"
    init(data)
    record = json.loads(model(data, "import", str(tiny), "--name", "tiny", "--json"))
    assert (data / "models" / f"{record['sha256']}.gguf").read_bytes() == tiny.read_bytes()
    assert (record["licence"], record["duplicate"]) == ("mit", False)
    assert json.loads(model(data, "import", str(tiny), "--json"))["duplicate"] is True
    model(data, "use", "tiny")
    assert (names(data, "chosen"), names(data, "running")) == (["tiny"], [])
    refused = appliance("model", "remove", "tiny", "--data", str(data))
    assert (refused.returncode, "in use" in refused.stderr) == (2, True)
    model(data, "use", "smollm2-135m-instruct")
    model(data, "remove", "tiny")
    assert not list((data / "models").glob("*.gguf"))
    assert appliance("audit", "verify", "--data", str(data)).returncode == 0


def test_a_running_product_switches_while_an_answer_goes_on(
    start_product: Callable[..., Product], tiny: Path
) -> None:
    product = start_product()
    data, key = product.data, new_key(product.data)
    before = served(product, key)
    lines: list[str] = []
    running = threading.Thread(target=lambda: lines.extend(stream(product, key, {**LONG, "model": before})))
    running.start()
    model(data, "import", str(tiny), "--name", "tiny")
    assert "running" in model(data, "use", "tiny")
    assert served(product, key) == "tiny"
    assert names(data, "running") == ["tiny"]
    after = stream(product, key, {**LONG, "model": "tiny", "max_tokens": 3})
    running.join(120)
    for answer in (lines, after):
        assert answer[-2] == "data: [DONE]"
        assert not any('"error"' in line for line in answer)
    assert product.stop() == 0


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_serving(
    start_product: Callable[..., Product], tiny: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(tiny.read_bytes().replace(b"qwen2", b"qwen0"))
    product = start_product()
    data, key = product.data, new_key(product.data)
    model(data, "import", str(bad), "--name", "bad")
    refused = appliance("model", "use", "bad", "--data", str(data))
    assert refused.returncode == 2
    assert "The old one serves on" in refused.stderr
    assert served(product, key) == "smollm2-135m-instruct"
    assert names(data, "chosen") == ["smollm2-135m-instruct"]
    answer = stream(product, key, {**LONG, "model": "smollm2-135m-instruct", "max_tokens": 3})
    assert answer[-2] == "data: [DONE]"
