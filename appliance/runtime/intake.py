"""A Generate frame becomes a sequence, or a reason why not."""

import math
from collections.abc import Callable
from typing import Literal

from appliance.grammar.rules import either
from appliance.grammar.schema import SchemaRefused
from appliance.protocol.messages import PUBLIC, Generate, Render, Rendered, Tools
from appliance.runtime import calls, sampling, thinking
from appliance.runtime.answer import Answer, Rules
from appliance.runtime.calls import Notation
from appliance.runtime.device import Device
from appliance.runtime.prompt import Prompt, PromptBuilder, PromptTooLong
from appliance.runtime.sequence import Sequence
from appliance.runtime.speech import CallReader, Speech
from appliance.runtime.stopping import StopStrings
from appliance.runtime.template import BadTemplate, ChatTemplate

UNLIMITED = 2**31
CLOSING = f"\n{thinking.CLOSE}\n\n"
RefusalCode = Literal["context_too_long", "bad_template", "bad_grammar", "bad_request", "no_text"]


class Refused(Exception):
    """This request cannot be answered, now or later. `parameter` names the one that is out of range."""

    def __init__(
        self, code: RefusalCode, prompt_tokens: int = 0, parameter: str = "", n_ctx: int = 0
    ) -> None:
        super().__init__(code)
        self.code: RefusalCode = code
        self.parameter = parameter
        self.prompt_tokens = prompt_tokens
        self.n_ctx = n_ctx


class Intake:
    """Checks and tokenizes. `fresh_seed` gives 32 random bits for requests that bring no seed."""

    def __init__(self, device: Device, template: ChatTemplate, fresh_seed: Callable[[], int]) -> None:
        self._device = device
        self._template = template
        self._fresh_seed = fresh_seed
        self._prompts = PromptBuilder(template, self._tokenize, device.n_ctx)
        self._closing = tuple(self._tokenize_inside(CLOSING))

    def sequence(self, request: Generate, now: float) -> Sequence:
        """The waiting sequence for this request. Raises Refused."""
        if not self._device.generates:
            raise Refused("no_text")
        if min(request.most_running, request.most_context) < 0:
            raise Refused("bad_request")
        if not 0 <= request.prefix_turns <= len(request.turns):
            raise Refused("bad_request")
        if not (0 < request.weight < math.inf and 0 < request.deadline_s < math.inf):
            raise Refused("bad_request")
        asked = request.sampling
        try:
            rules = self._rules(request)
            prompt = self._prompt(request)
        except sampling.BadRequest as error:
            raise Refused("bad_request", parameter=str(error)) from None
        except SchemaRefused:
            raise Refused("bad_grammar") from None
        except BadTemplate:
            raise Refused("bad_template") from None
        except PromptTooLong as error:
            raise Refused("context_too_long", error.prompt_tokens, n_ctx=self._context(request)) from None
        if not prompt.tokens:
            raise Refused("bad_template" if request.turns else "bad_request")
        room = self._context(request) - len(prompt.tokens)
        shared = self._shared(request, prompt.tokens)
        opening = 0 if shared or request.raw is not None else self._prompts.opening(prompt.tokens)
        return Sequence(
            id=request.id,
            fair_key=request.fair_key,
            weight=request.weight,
            batch=request.priority == "batch",
            cache_scope=request.cache_scope,
            tokens=prompt.tokens,
            prompt_tokens=len(prompt.tokens),
            limit=min(room, asked.max_tokens or room),
            answer=Answer(request.id, rules, self._speech(request, opened=prompt.thinks)),
            arrived=now,
            deadline=now + request.deadline_s,
            most_running=request.most_running or UNLIMITED,
            dropped_turns=prompt.dropped_turns,
            prefix=shared or opening,
            prefix_scope=PUBLIC if opening else request.prefix_scope,
            opening=opening,
        )

    def _shared(self, request: Generate, tokens: list[int]) -> int:
        turns = request.turns[: request.prefix_turns] if request.prefix_scope else ()
        return self._prompts.shared(turns, tokens, remember=request.prefix_scope == PUBLIC)

    def rendered(self, question: Render) -> Rendered:
        """What the template makes of these turns."""
        try:
            text = self._template.render(question.turns, question.tools, question.template_values)
        except BadTemplate:
            return Rendered(question.id, error="bad_template")
        return Rendered(question.id, text, len(self._tokenize(text)))

    def _context(self, request: Generate) -> int:
        """Tokens that must hold the prompt and its answer."""
        return min(self._device.n_ctx, request.most_context or self._device.n_ctx)

    def _prompt(self, request: Generate) -> Prompt:
        raw = request.raw
        if isinstance(raw, str):
            return Prompt(self._prompts.within(self._context(request) - 1, raw))
        if raw is not None:
            if len(raw) >= self._context(request):
                raise PromptTooLong(len(raw))
            if not all(0 <= token < self._device.n_vocab for token in raw):
                raise Refused("bad_request")
            return Prompt(list(raw))
        if not request.turns:
            raise Refused("bad_request")
        return self._prompts.build(
            request.turns,
            trim=request.trim,
            max_tokens=request.sampling.max_tokens,
            tools=request.tools,
            values=request.template_values,
            n_ctx=self._context(request),
        )

    def _rules(self, request: Generate) -> Rules:
        asked, tools, notation = request.sampling, request.tools, self._notation
        grammar, call_grammar = asked.grammar, ""
        if tools.offered and tools.choice == "required":
            grammar = calls.forced_grammar(tools, notation)
        elif _may_call(tools) and grammar:
            grammar = either(grammar, calls.forced_grammar(tools, notation))
        elif _may_call(tools) and notation is Notation.TAGGED:
            call_grammar = calls.opened_grammar(tools)
        return Rules(
            free=sampling.plan(asked, self._device.n_vocab, self._fresh_seed()),
            grammar=grammar,
            call_grammar=call_grammar,
            one_call=not tools.parallel or bool(tools.only),
            logprobs=asked.logprobs,
            reasoning_tokens=asked.reasoning_tokens,
            closing=self._closing,
        )

    def _speech(self, request: Generate, *, opened: bool) -> Speech:
        reader = None
        if _may_call(request.tools):
            reader = CallReader(self._notation, frozenset(tool.name for tool in request.tools.offered))
        stops = () if request.raw is not None else self._template.stops
        return Speech(StopStrings((*request.sampling.stop, *stops)), opened=opened, calls=reader)

    @property
    def _notation(self) -> Notation:
        return self._template.notation or Notation.TAGGED

    def _tokenize(self, text: str) -> list[int]:
        return self._device.tokenize(text, special=True)

    def _tokenize_inside(self, text: str) -> list[int]:
        """Tokens for the middle of a sequence, control tokens included but no beginning."""
        start = len(self._tokenize(""))
        return self._tokenize(text)[start:]


def _may_call(tools: Tools) -> bool:
    return bool(tools.offered) and tools.choice != "none"
