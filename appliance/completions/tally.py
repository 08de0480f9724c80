"""Counts since the start, for whoever watches the machine: numbers only, of nobody in particular."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from appliance.completions.values import Reply


@dataclass(slots=True)
class Tally:
    """Grows as requests are refused and answers settled. Safe from any thread."""

    answers: Counter[str] = field(default_factory=Counter)
    """By how they ended: done, stopped, failed, lost."""
    refusals: Counter[str] = field(default_factory=Counter)
    """By the error's code."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    work_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settled(self, reply: Reply) -> None:
        with self._lock:
            self.answers[reply.state] += 1
            self.prompt_tokens += reply.usage.prompt_tokens
            self.completion_tokens += reply.usage.completion_tokens
            self.work_s += reply.work_s

    def refused(self, code: str) -> None:
        with self._lock:
            self.refusals[code] += 1
