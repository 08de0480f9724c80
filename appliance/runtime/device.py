"""What the engine needs from whatever runs the model: runner.py, or a fake in the tests."""

from collections.abc import Sequence as Tokens
from typing import Protocol

from appliance.protocol.messages import Odds
from appliance.runtime.sampling import SamplerPlan


class DecodeFailed(Exception):
    """The model could not take this batch; its sequences cannot go on."""


class KvState(Protocol):
    """A copy of one sequence's KV outside the device; `size` in bytes. Its memory goes when closed."""

    size: int

    def close(self) -> None: ...


class BadGrammar(Exception):
    """llama.cpp does not take this grammar."""


class Device(Protocol):
    """One loaded model for `slots` answers, with some `sequences` more in reserve, each of `n_ctx`
    tokens. Used from one thread.

    One `read` takes at most `batch` tokens. Positions count tokens of a sequence from 0. `sample`
    refers to rows of the last batch.
    """

    slots: int
    sequences: int
    batch: int
    n_ctx: int
    n_vocab: int
    embedding_ctx: int
    generates: bool  # else it only makes vectors

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of `text`; `special`: as a prompt, with control tokens and a beginning."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for control tokens."""
        ...

    def ends_answer(self, token: int) -> bool: ...

    def open_sampler(self, plan: SamplerPlan) -> int:
        """A handle for one answer's sampler; never 0. Raises BadGrammar."""
        ...

    def close_sampler(self, sampler: int) -> None: ...

    def read(self, slot: int, tokens: Tokens[int], position: int) -> None:
        """Read prompt tokens; the last one's output is row len(tokens) - 1. Raises DecodeFailed."""
        ...

    def generate(self, slots: Tokens[int], tokens: Tokens[int], positions: Tokens[int]) -> None:
        """One token for each slot, in order of slots. Raises DecodeFailed."""
        ...

    def sample(self, sampler: int, row: int) -> int:
        """Pick the next token from a row's output; the sampler remembers it."""
        ...

    def odds(self, token: int, row: int, top: int) -> tuple[Odds, tuple[Odds, ...]]:
        """A token's odds in a row's output before any sampling parameter, and the likeliest `top`."""
        ...

    def keep(self, slot: int, count: int) -> int:
        """Free all but the first `count` tokens of a slot; how many it really holds then."""
        ...

    def exchange(self, first: int, second: int) -> None:
        """Let two slots change contents. Raises DecodeFailed, with both empty then."""
        ...

    def save(self, slot: int) -> KvState | None:
        """A copy of a slot's KV; None when the slot is empty or memory is short."""
        ...

    def load(self, slot: int, state: KvState) -> None:
        """Let an empty slot hold what was saved. Raises DecodeFailed, with the slot empty then."""
        ...

    def start_text(self) -> None:
        """A new text, of at most `embedding_ctx` tokens, is to become a vector. Raises DecodeFailed."""
        ...

    def read_text(self, tokens: Tokens[int]) -> bool:
        """Read a bounded part of it; whether it is all read. Raises DecodeFailed."""
        ...

    def vector(self) -> bytes:
        """The text as a vector of length 1, little-endian float32. Raises DecodeFailed."""
        ...
