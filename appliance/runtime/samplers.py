"""Sampling on llama.cpp: one chain an answer, a grammar where one is asked for, and the odds.

With a grammar the chain picks first and the grammar judges the one token; only when it says no
are all candidates judged and the chain picks again (as llama.cpp's own common/sampling does):
judging 50,000 candidates at every token would slow down everybody's answers. llama.cpp aborts the
process when a grammar is fed a token it forbids, so nothing else is ever fed to it.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from appliance.protocol.messages import Odds
from appliance.runtime.device import BadGrammar
from appliance.runtime.hanja import HanTokens, open_end
from appliance.runtime.sampling import PENALTY_WINDOW, SamplerPlan

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


@dataclass(slots=True)
class _Sampler:
    """One answer's: `grammar` 0 when there is none; `end` is the answer's unfinished character."""

    chain: Any
    grammar: Any
    korean_only: bool
    end: bytes = b""


class Samplers:
    """All open samplers of one context. `piece` gives a token's bytes. One thread."""

    def __init__(self, ctx: Any, vocab: Any, n_vocab: int, piece: Callable[[int], bytes]) -> None:
        self._ctx = ctx
        self._vocab = vocab
        self._n_vocab = n_vocab
        self._piece = piece
        self._han = HanTokens(n_vocab, piece)
        self._open: dict[int, _Sampler] = {}
        self._numbers = np.arange(n_vocab, dtype=np.int32)
        self._candidates = np.zeros(n_vocab, _CANDIDATE)
        self._one = np.zeros(1, _CANDIDATE)

    def open(self, plan: SamplerPlan) -> int:
        """A handle, never 0. Raises BadGrammar."""
        grammar = None
        if plan.grammar:
            grammar = llama.llama_sampler_init_grammar(self._vocab, plan.grammar.encode(), b"root")
            if not grammar:
                raise BadGrammar
        chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for link in self._links(plan):
            llama.llama_sampler_chain_add(chain, link)
        handle = ctypes.addressof(chain.contents)
        self._open[handle] = _Sampler(chain, grammar, plan.korean_only)
        return handle

    def close(self, handle: int) -> None:
        sampler = self._open.pop(handle)
        llama.llama_sampler_free(sampler.chain)
        if sampler.grammar:
            llama.llama_sampler_free(sampler.grammar)

    def sample(self, handle: int, row: int) -> int:
        """Pick and remember the next token from a row of the last batch."""
        sampler = self._open[handle]
        if sampler.korean_only:
            self._logits(row)[self._han.banned(sampler.end)] = -np.inf
        if sampler.grammar:
            token = self._constrained(sampler, row)
        else:
            token = int(llama.llama_sampler_sample(sampler.chain, self._ctx, row))
        if sampler.korean_only:
            sampler.end = open_end(sampler.end + self._piece(token))
        return token

    def odds(self, token: int, row: int, top: int) -> tuple[Odds, tuple[Odds, ...]]:
        """How likely the model found a token in a row of the last batch, and the likeliest `top`."""
        logits = self._logits(row)
        peak = float(logits.max())
        total = peak + float(np.log(np.exp(logits - peak, dtype=np.float64).sum()))
        best = np.argpartition(logits, -top)[-top:] if top else np.empty(0, np.int64)
        ordered = sorted((int(one) for one in best), key=lambda one: -float(logits[one]))
        return self._odd(token, logits, total), tuple(self._odd(one, logits, total) for one in ordered)

    def _odd(self, token: int, logits: Any, total: float) -> Odds:
        return Odds(self._piece(token), max(-9999.0, float(logits[token]) - total))

    def _constrained(self, sampler: _Sampler, row: int) -> int:
        logits = self._logits(row)
        array = self._fill(logits)
        token = self._pick(sampler, array)
        if not self._permits(sampler, token):
            array = self._fill(logits)
            llama.llama_sampler_apply(sampler.grammar, ctypes.byref(array))
            if not np.isfinite(self._candidates["logit"][: array.size]).any():
                return int(llama.llama_vocab_eos(self._vocab))  # nothing may follow: the answer ends here
            token = self._pick(sampler, array)
        llama.llama_sampler_accept(sampler.grammar, token)
        llama.llama_sampler_accept(sampler.chain, token)
        return token

    def _pick(self, sampler: _Sampler, array: Any) -> int:
        llama.llama_sampler_apply(sampler.chain, ctypes.byref(array))
        return int(self._candidates["id"][array.selected])

    def _permits(self, sampler: _Sampler, token: int) -> bool:
        self._one["id"], self._one["logit"] = token, 1.0
        array = _array(self._one)
        llama.llama_sampler_apply(sampler.grammar, ctypes.byref(array))
        return bool(np.isfinite(self._one["logit"][0]))

    def _fill(self, logits: Any) -> Any:
        self._candidates["id"], self._candidates["logit"] = self._numbers, logits
        self._candidates["p"] = 0.0
        return _array(self._candidates)

    def _logits(self, row: int) -> Any:
        """The row's logits in place: what is written here is what the sampler reads."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self._ctx, row), (self._n_vocab,))

    def _links(self, plan: SamplerPlan) -> list[Any]:
        links: list[Any] = []
        if plan.logit_bias:
            biases = (llama.llama_logit_bias * len(plan.logit_bias))(*plan.logit_bias)
            links.append(llama.llama_sampler_init_logit_bias(self._n_vocab, len(biases), biases))
        if plan.penalises:
            penalties = (PENALTY_WINDOW, plan.repeat, plan.frequency, plan.presence)
            links.append(llama.llama_sampler_init_penalties(self._n_vocab, *penalties))
        if plan.temperature == 0.0:
            return [*links, llama.llama_sampler_init_greedy()]
        return [
            *links,
            llama.llama_sampler_init_top_k(plan.top_k),
            llama.llama_sampler_init_top_p(plan.top_p, 1),
            llama.llama_sampler_init_min_p(plan.min_p, 1),
            llama.llama_sampler_init_temp(plan.temperature),
            llama.llama_sampler_init_dist(plan.seed),
        ]


def _array(candidates: Any) -> Any:
    data = candidates.ctypes.data_as(llama.llama_token_data_p)
    return llama.llama_token_data_array(data, len(candidates), -1, False)
