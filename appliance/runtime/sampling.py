"""From the request's Sampling to the links of llama.cpp's sampler chain, each value checked.

Pure. The chain's order is llama.cpp's own: logit bias, penalties, top-k, top-p, min-p,
temperature, then the draw. Ranges are the OpenAI API's where it has the parameter.
"""

import math
from dataclasses import dataclass

from appliance.protocol.messages import Sampling
from appliance.runtime.stopping import MAX_STOP_CHARS, MAX_STOPS

MAX_LOGIT_BIASES = 4096
MAX_LOGPROBS = 20
BAN = -100.0  # OpenAI: this bias means "never"
PENALTY_WINDOW = 1024  # generated tokens the penalties look back on
RANDOM_SEED = 0xFFFFFFFF  # llama.cpp takes this one as "choose yourself"


class BadRequest(Exception):
    """A parameter out of range; its name, never its content."""


@dataclass(frozen=True, slots=True)
class SamplerPlan:
    """Checked parameters of one chain; `temperature` 0 means the likeliest token, always."""

    seed: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat: float
    frequency: float
    presence: float
    logit_bias: tuple[tuple[int, float], ...]
    korean_only: bool = False
    grammar: str = ""

    @property
    def penalises(self) -> bool:
        return self.repeat != 1.0 or self.frequency != 0.0 or self.presence != 0.0


def plan(sampling: Sampling, n_vocab: int, fresh_seed: int) -> SamplerPlan:
    """Check `sampling` for a vocabulary of `n_vocab` tokens. Raises BadRequest naming the parameter.

    `fresh_seed` is used when the request brings none; the same seed repeats an answer.
    """
    _check_limits(sampling)
    seed = (fresh_seed if sampling.seed is None else sampling.seed) & 0xFFFFFFFF
    return SamplerPlan(
        seed=seed if seed != RANDOM_SEED else seed - 1,
        temperature=_within("temperature", sampling.temperature, 0.0, 2.0),
        top_k=min(n_vocab, int(_within("top_k", sampling.top_k, 0, 2**31 - 1))),
        top_p=_within("top_p", sampling.top_p, 0.0, 1.0),
        min_p=_within("min_p", sampling.min_p, 0.0, 1.0),
        repeat=_within("repeat_penalty", sampling.repeat_penalty, 0.01, 10.0),
        frequency=_within("frequency_penalty", sampling.frequency_penalty, -2.0, 2.0),
        presence=_within("presence_penalty", sampling.presence_penalty, -2.0, 2.0),
        logit_bias=_biases(sampling.logit_bias, n_vocab),
        korean_only=sampling.korean_only,
    )


def _check_limits(sampling: Sampling) -> None:
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise BadRequest("max_tokens")
    if len(sampling.stop) > MAX_STOPS or not all(0 < len(stop) <= MAX_STOP_CHARS for stop in sampling.stop):
        raise BadRequest("stop")
    if sampling.logprobs is not None and not 0 <= sampling.logprobs <= MAX_LOGPROBS:
        raise BadRequest("logprobs")
    if sampling.reasoning_tokens is not None and sampling.reasoning_tokens < 0:
        raise BadRequest("reasoning_tokens")


def _biases(biases: dict[int, float], n_vocab: int) -> tuple[tuple[int, float], ...]:
    if len(biases) > MAX_LOGIT_BIASES or not all(0 <= token < n_vocab for token in biases):
        raise BadRequest("logit_bias")
    checked = {token: _within("logit_bias", bias, -100.0, 100.0) for token, bias in biases.items()}
    return tuple((token, -math.inf if bias == BAN else bias) for token, bias in sorted(checked.items()))


def _within(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:  # also refuses NaN
        raise BadRequest(name)
    return value
