"""How fast this machine has been lately."""

from appliance.runtime.estimates import AnswerLengths

SMOOTHING = 0.1  # weight of the newest measurement


class Average:
    """An exponentially weighted mean; None before the first measurement."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + SMOOTHING * (value - self.value)


class Speeds:
    """Seconds for a token read and for one generated (all sequences together), and answers' lengths."""

    def __init__(self) -> None:
        self._reading = Average()
        self._generating = Average()
        self._lengths = AnswerLengths()
        self._fresh = Average()

    @property
    def prompt_tokens_per_s(self) -> float:
        return 1 / self._reading.value if self._reading.value else 0.0

    @property
    def generated_tokens_per_s(self) -> float:
        return 1 / self._generating.value if self._generating.value else 0.0

    @property
    def expected_answer(self) -> float:
        """Tokens an answer without a limit will probably have."""
        return self._lengths.left(0, 2**31)

    def read(self, tokens: int, seconds: float) -> None:
        self._reading.add(max(seconds, 1e-6) / tokens)

    def generated(self, tokens: int, seconds: float) -> None:
        self._generating.add(max(seconds, 1e-6) / tokens)

    def ended(self, prompt_tokens: int, cached_tokens: int, answer_tokens: int) -> None:
        """An answer ran to its end."""
        self._lengths.add(answer_tokens)
        self._fresh.add(1 - cached_tokens / prompt_tokens)

    @property
    def fresh_share(self) -> float:
        """The part of a prompt that must be read, as a rule: the rest is in the KV cache."""
        return 1.0 if self._fresh.value is None else self._fresh.value

    @property
    def known(self) -> bool:
        """Whether anything was read and generated yet."""
        return bool(self._reading.value and self._generating.value)

    def work_left(self, prompt_left: float, generated: int, limit: int) -> float:
        """Seconds of the whole machine that a request will still take; needs `known`."""
        tokens = self._lengths.left(generated, limit)
        return prompt_left * (self._reading.value or 0.0) + tokens * (self._generating.value or 0.0)
