"""How fast this machine has been lately, and what that means for those who wait."""

import math

SMOOTHING = 0.1  # weight of the newest measurement
RETRY_UNKNOWN_S = 5
RETRY_MOST_S = 120


class Average:
    """An exponentially weighted mean; None before the first measurement."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + SMOOTHING * (value - self.value)


class Speeds:
    """Tokens per second of reading and of generating (all sequences together), and what requests cost."""

    def __init__(self) -> None:
        self._reading = Average()
        self._generating = Average()
        self._prompt = Average()
        self._answer = Average()

    @property
    def prompt_tokens_per_s(self) -> float:
        return self._reading.value or 0.0

    @property
    def generated_tokens_per_s(self) -> float:
        return self._generating.value or 0.0

    @property
    def expected_answer(self) -> float:
        """Tokens an answer had lately; 0.0 before the first ended."""
        return self._answer.value or 0.0

    def read(self, tokens: int, seconds: float) -> None:
        self._reading.add(tokens / max(seconds, 1e-6))

    def generated(self, tokens: int, seconds: float) -> None:
        self._generating.add(tokens / max(seconds, 1e-6))

    def ended(self, prompt_tokens: int, answer_tokens: int) -> None:
        """A request ran to its end; `prompt_tokens` counts those that had to be read."""
        self._prompt.add(prompt_tokens)
        self._answer.add(answer_tokens)

    def eta_s(self, position: int) -> float | None:
        """Seconds until the request at this place in the queue starts: a slot comes free each time
        the machine has done one request's worth of work. None before speeds are known."""
        cost = self._cost_s()
        return None if cost is None else position * cost

    def retry_after_s(self) -> int:
        """Whole seconds after which a place in a full queue is likely free."""
        cost = self._cost_s()
        return RETRY_UNKNOWN_S if cost is None else min(RETRY_MOST_S, max(1, math.ceil(cost)))

    def _cost_s(self) -> float | None:
        if not (self._reading.value and self._generating.value) or self._answer.value is None:
            return None
        prompt = self._prompt.value or 0.0
        return prompt / self._reading.value + self._answer.value / self._generating.value
