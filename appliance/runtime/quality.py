"""Perplexity: how well a model foretells a text; the measure of what requantizing costs."""

import ctypes
import math
from collections.abc import Iterator, Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

WINDOW = 512
ROWS = 64  # logits of so many tokens are looked at together


class NotMeasured(Exception):
    """The model could not read the text."""


def perplexity(model: Any, n_vocab: int, tokens: Sequence[int], threads: int) -> float:
    """exp of the mean negative log-likelihood of each token after the first of its window.

    Windows of at most 512 tokens, each read from an empty context. Raises NotMeasured.
    """
    context = _context(model, threads)
    try:
        losses = [
            loss
            for start in range(0, len(tokens), WINDOW)
            for loss in _losses(context, n_vocab, tokens[start : start + WINDOW])
        ]
    finally:
        llama.llama_free(context)
    if not losses:
        raise NotMeasured("the text is too short")
    return math.exp(sum(losses) / len(losses))


def _context(model: Any, threads: int) -> Any:
    params = llama.llama_context_default_params()
    params.n_ctx, params.n_seq_max = WINDOW, 1
    params.n_batch = params.n_ubatch = params.n_outputs_max = ROWS
    params.n_threads = params.n_threads_batch = threads
    params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise NotMeasured("not enough memory")
    return context


def _losses(context: Any, n_vocab: int, window: Sequence[int]) -> Iterator[float]:
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    for start in range(0, len(window), ROWS):
        chunk = window[start : start + ROWS]
        _read(context, chunk, start)
        following = window[start + 1 : start + 1 + len(chunk)]
        rows = np.ctypeslib.as_array(llama.llama_get_logits(context), (len(chunk), n_vocab))
        for row, token in zip(rows, following, strict=False):
            top = float(row.max())
            yield top + math.log(float(np.exp(row - top).sum())) - float(row[token])


def _read(context: Any, tokens: Sequence[int], position: int) -> None:
    batch = llama.llama_batch_init(len(tokens), 0, 1)
    try:
        batch.n_tokens = len(tokens)
        for row, token in enumerate(tokens):
            batch.token[row], batch.pos[row] = token, position + row
            batch.n_seq_id[row], batch.logits[row] = 1, 1
            batch.seq_id[row][0] = 0
        if llama.llama_decode(context, batch) != 0:
            raise NotMeasured("the model does not read it")
    finally:
        llama.llama_batch_free(batch)


def requantize(source: str, target: str, format_name: str, threads: int) -> None:
    """Write `source` to `target` in another format. Raises NotMeasured when llama.cpp cannot."""
    silent = llama.llama_log_callback(lambda *_: None)
    llama.llama_log_set(silent, None)
    llama.llama_backend_init()
    params = llama.llama_model_quantize_default_params()
    params.nthread = threads
    params.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{format_name}")
    params.allow_requantize = True
    if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) != 0:
        raise NotMeasured(f"it cannot be written as {format_name}")
