import math
from typing import Any

import pytest

from appliance.protocol.messages import Sampling
from appliance.runtime.sampling import BadRequest, plan

VOCABULARY = 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_p": 1.1},
        {"top_k": -1},
        {"min_p": 2.0},
        {"repeat_penalty": 0.0},
        {"presence_penalty": 2.5},
        {"frequency_penalty": -2.5},
        {"logit_bias": {VOCABULARY: 1.0}},
        {"logit_bias": {-1: 1.0}},
        {"logit_bias": {1: math.nan}},
        {"stop": ("",)},
        {"stop": ("x" * 1000,)},
        {"stop": tuple(str(number) for number in range(1000))},
    ],
)
def test_an_absurd_parameter_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=next(iter(wrong))):
        plan(Sampling(**wrong), VOCABULARY, 1)


def test_a_seed_of_any_size_becomes_one_that_llama_cpp_takes_literally() -> None:
    seeds = [plan(Sampling(seed=seed), VOCABULARY, 1).seed for seed in (0, -1, 2**63, 2**32 - 1)]
    assert seeds == [0, 2**32 - 2, 0, 2**32 - 2]
    assert plan(Sampling(), VOCABULARY, 41).seed == 41


def test_a_bias_of_minus_hundred_means_never() -> None:
    assert plan(Sampling(logit_bias={3: -100.0, 1: 5.0}), VOCABULARY, 1).logit_bias == (
        (1, 5.0),
        (3, -math.inf),
    )
