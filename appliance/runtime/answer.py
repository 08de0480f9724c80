"""An answer in the making: from tokens to frames, and how its next token is to be picked.

Reasoning is sampled freely, the text by the request's grammar, a call that the model began by
itself by the grammar of its tools. Reasoning that has used up its tokens is closed by tokens
nobody sampled (`forced`).
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

from appliance.protocol.messages import Chosen, Odds, Token
from appliance.runtime.detokenize import Utf8Stream
from appliance.runtime.sampling import SamplerPlan
from appliance.runtime.speech import Said, Speech


@dataclass(frozen=True, slots=True)
class Rules:
    """What the request asks of its answer. Grammars are GBNF, "" for none.

    `logprobs`: alternatives to report, None for no odds. `closing`: the tokens that end reasoning.
    """

    free: SamplerPlan
    grammar: str = ""
    call_grammar: str = ""
    one_call: bool = False
    logprobs: int | None = None
    reasoning_tokens: int | None = None
    closing: tuple[int, ...] = ()


class Answer:
    """One answer; `reasoning_tokens` counts what was thought so far."""

    def __init__(self, request_id: str, rules: Rules, speech: Speech) -> None:
        self._id = request_id
        self._rules = rules
        self._speech = speech
        self._utf8 = Utf8Stream()
        self._forced: deque[int] = deque()
        self._chosen: deque[Chosen] = deque()
        self._chars_due = 0  # characters shown for which no odds were
        self._text_plan = replace(rules.free, grammar=rules.grammar)
        self._call_plan = replace(rules.free, grammar=rules.grammar or rules.call_grammar)
        self.reasoning_tokens = 0
        self._limit_reasoning()

    @property
    def plan(self) -> SamplerPlan:
        """How to pick the next token."""
        mode = self._speech.mode
        if mode == "thinking":
            return self._rules.free
        return self._text_plan if mode == "text" else self._call_plan

    @property
    def wants_odds(self) -> int | None:
        """How many alternatives to report with the next token; None: no odds."""
        return self._rules.logprobs if self._speech.mode == "text" else None

    @property
    def over(self) -> bool:
        """Whether it ends here although the model would go on."""
        return self._speech.stopped or (self._rules.one_call and self._speech.calls > 0)

    @property
    def reason(self) -> Literal["stop", "tool_calls"]:
        return "tool_calls" if self._speech.calls else "stop"

    @property
    def stop_string(self) -> str:
        """The stop string that came, if one did."""
        return self._speech.stop_string

    def forced(self) -> int | None:
        """A token that comes next whatever the model says."""
        return self._forced.popleft() if self._forced else None

    def accept(self, piece: bytes, odds: tuple[Odds, tuple[Odds, ...]] | None = None) -> list[Token]:
        """The frames that a token's bytes complete."""
        thought = self._speech.mode == "thinking"
        text = self._utf8.feed(piece)
        if odds is not None:
            self._chosen.append(Chosen(*odds, chars=len(text)))
        said = self._speech.feed(text)
        if thought or self._speech.mode == "thinking":
            self.reasoning_tokens += 1
        self._limit_reasoning()
        return [self._frame(one) for one in said]

    def finish(self) -> list[Token]:
        """The frames of what was held back."""
        frames = [self._frame(one) for one in self._speech.finish()]
        if self._chosen and not self._speech.stopped:
            frames.append(Token(self._id, "", chosen=tuple(self._chosen)))
        return frames

    def _limit_reasoning(self) -> None:
        limit = self._rules.reasoning_tokens
        spent = limit is not None and self.reasoning_tokens >= limit
        if spent and self._speech.mode == "thinking" and not self._forced:
            self._forced.extend(self._rules.closing)

    def _frame(self, said: Said) -> Token:
        chosen: list[Chosen] = []
        if said.part == "text":
            self._chars_due += len(said.text)
            while self._chosen and self._chosen[0].chars <= self._chars_due:
                self._chars_due -= self._chosen[0].chars
                chosen.append(self._chosen.popleft())
        return Token(self._id, said.text, said.part, said.index, said.name, tuple(chosen))
