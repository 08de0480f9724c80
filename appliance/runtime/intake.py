"""A Generate frame becomes a sequence, or a reason why not."""

import math
from collections.abc import Callable
from typing import Literal

from appliance.protocol.messages import PUBLIC, Generate
from appliance.runtime import sampling
from appliance.runtime.device import Device
from appliance.runtime.prompt import PromptBuilder, PromptTooLong
from appliance.runtime.sequence import Sequence
from appliance.runtime.stopping import StopStrings
from appliance.runtime.template import BadTemplate, ChatTemplate

UNLIMITED = 2**31


class Refused(Exception):
    """This request cannot be answered, now or later."""

    def __init__(
        self, code: Literal["context_too_long", "bad_template", "bad_request"], prompt_tokens: int = 0
    ) -> None:
        super().__init__(code)
        self.code = code
        self.prompt_tokens = prompt_tokens


class Intake:
    """Checks and tokenizes. `fresh_seed` gives 32 random bits for requests that bring no seed."""

    def __init__(self, device: Device, template: ChatTemplate, fresh_seed: Callable[[], int]) -> None:
        self._device = device
        self._template = template
        self._fresh_seed = fresh_seed
        self._prompts = PromptBuilder(template, self._tokenize, device.n_ctx)

    def sequence(self, request: Generate, now: float) -> Sequence:
        """The waiting sequence for this request. Raises Refused."""
        if request.most_running < 0 or not 0 <= request.prefix_turns <= len(request.turns):
            raise Refused("bad_request")
        if not (request.turns and 0 < request.weight < math.inf and 0 < request.deadline_s < math.inf):
            raise Refused("bad_request")
        asked = request.sampling
        try:
            plan = sampling.plan(asked, self._device.n_vocab, self._fresh_seed())
            prompt = self._prompts.build(request.turns, trim=request.trim, max_tokens=asked.max_tokens)
        except sampling.BadRequest:
            raise Refused("bad_request") from None
        except BadTemplate:
            raise Refused("bad_template") from None
        except PromptTooLong as error:
            raise Refused("context_too_long", error.prompt_tokens) from None
        if not prompt.tokens:
            raise Refused("bad_template")
        room = self._device.n_ctx - len(prompt.tokens)
        return Sequence(
            id=request.id,
            fair_key=request.fair_key,
            weight=request.weight,
            batch=request.priority == "batch",
            cache_scope=request.cache_scope,
            tokens=prompt.tokens,
            prompt_tokens=len(prompt.tokens),
            limit=min(room, asked.max_tokens or room),
            sampling=plan,
            stop=StopStrings((*asked.stop, *self._template.stops)),
            arrived=now,
            deadline=now + request.deadline_s,
            most_running=request.most_running or UNLIMITED,
            dropped_turns=prompt.dropped_turns,
            prefix=self._prefix(request, prompt.tokens),
            prefix_scope=request.prefix_scope,
        )

    def _prefix(self, request: Generate, tokens: list[int]) -> int:
        turns = request.turns[: request.prefix_turns] if request.prefix_scope else ()
        return self._prompts.shared(turns, tokens, remember=request.prefix_scope == PUBLIC)

    def _tokenize(self, text: str) -> list[int]:
        return self._device.tokenize(text, special=True)
