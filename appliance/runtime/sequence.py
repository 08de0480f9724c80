"""One request on its way through the engine: its tokens, where it stands, what it has said.

All of a request's state lives here; the scheduler moves it, the engine feeds it.
"""

from collections.abc import Sequence as Tokens
from dataclasses import dataclass
from enum import Enum

from appliance.runtime.answer import Answer
from appliance.runtime.sampling import SamplerPlan


class Phase(Enum):
    WAITING = "waiting"
    PREFILL = "prefill"
    DECODE = "decode"
    ENDED = "ended"


@dataclass(eq=False, slots=True)
class Sequence:
    """`tokens` is the prompt, then what was generated; the first `stored` of them are in the KV cache.

    `limit`: most tokens it may generate. `most_running`: slots its payer may hold with it.
    `sampler`: the device's handle while it runs, else 0, made by `plan`.
    The first `prefix` tokens are shared in `prefix_scope`; `held`: it has a slot, but somebody
    else is reading those for it. `opening`: they are this many of the template's own words, and
    nobody's text. `told`: the reader knows that it waits. Times are monotonic seconds.
    """

    id: str
    fair_key: str
    weight: float
    batch: bool
    cache_scope: str
    tokens: list[int]
    prompt_tokens: int
    limit: int
    answer: Answer
    arrived: float
    deadline: float
    most_running: int = 2**31
    dropped_turns: int = 0
    prefix: int = 0
    prefix_scope: str = ""
    opening: int = 0
    held: bool = False
    phase: Phase = Phase.WAITING
    slot: int = -1
    sampler: int = 0
    plan: SamplerPlan | None = None
    stored: int = 0
    cached: int = 0
    generated: int = 0
    told: bool = False
    started: float = 0.0
    first_token: float = 0.0

    @property
    def prompt_left(self) -> int:
        """Prompt tokens still to read."""
        return self.prompt_tokens - self.stored

    @property
    def up_to_border(self) -> int:
        """Prompt tokens that may be read in one go: KV is copied where a prefix ends."""
        return self.prefix - self.stored if self.stored < self.prefix else self.prompt_left

    def next_chunk(self, count: int) -> Tokens[int]:
        """The next `count` prompt tokens to read."""
        return self.tokens[self.stored : self.stored + count]

    def accept(self, token: int) -> None:
        """Add a generated token."""
        self.tokens.append(token)
        self.generated += 1
