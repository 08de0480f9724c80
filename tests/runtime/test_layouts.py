"""Every layout that tuning may choose gives working answers on the real model."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.client import ask, runtime

LAYOUTS: dict[str, dict[str, Any]] = {
    "separate": {},
    "unified": {"kv_unified": True},
    "no flash attention": {"flash_attn": False},
    "quantized": {"type_k": "q8_0", "type_v": "q8_0", "threads_batch": 1},
    "small batches": {"batch": 64, "ubatch": 32},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_answers_several_at_once(embedded_model: Path, layout: dict[str, Any]) -> None:
    with runtime(embedded_model, slots=3, context=512, **layout) as process:
        assert process.hello().n_ctx == 512
        for name in "abc":
            process.send(ask(name, "The capital of France is " + "really " * 90, payer=name, max_tokens=8))
        ends = [process.finished(name) for name in "abc"]
        assert all(end.prompt_tokens > 90 and end.completion_tokens > 0 for end in ends)
        assert process.text("a") == process.text("b") == process.text("c") != ""


@pytest.mark.parametrize("layout", [{"flash_attn": False, "type_v": "q8_0"}, {"batch": 32, "ubatch": 64}])
def test_a_layout_that_cannot_be_is_said_in_one_line(embedded_model: Path, layout: dict[str, Any]) -> None:
    with runtime(embedded_model, slots=2, **layout) as process:
        assert process.process.wait(60) == 3
        assert process.process.stderr is not None
        assert json.loads(process.process.stderr.read())["error"] == "model_not_loaded"
