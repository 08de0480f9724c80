"""Texts as vectors: on a context of its own beside the generating one, made when first needed.

A model that has a pooling of its own (a dedicated embedding model) reads a text in one piece and
pools it itself. Any other is read in chunks, so that nobody's answer waits for a long text, and the
mean over its tokens' last hidden states is taken here. Vectors have length 1.
"""

from collections.abc import Sequence as Tokens
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np

from appliance.protocol.settings import RuntimeSettings
from appliance.runtime.device import DecodeFailed

MOST_TOKENS = 2048
CHUNK = 256


class Embedder:
    """One text at a time: `start`, `read` until it says that all is read, `vector`."""

    def __init__(self, model: Any, settings: RuntimeSettings) -> None:
        self._model = model
        self._threads = settings.threads_batch or settings.threads
        self._ctx: Any = None
        self._own_pooling = False
        self._size = int(llama.llama_model_n_embd(model))
        self._sum = np.zeros(self._size, np.float64)
        self._read = 0
        self.n_ctx = min(MOST_TOKENS, int(llama.llama_model_n_ctx_train(model)))

    def start(self) -> None:
        """Forget the last text. Raises DecodeFailed when there is no memory for a context."""
        if self._ctx is None:
            self._ctx = self._make_context()
            self._own_pooling = llama.llama_pooling_type(self._ctx) != llama.LLAMA_POOLING_TYPE_NONE
        memory = llama.llama_get_memory(self._ctx)
        if memory:
            llama.llama_memory_clear(memory, False)
        self._sum[:] = 0.0
        self._read = 0

    def read(self, tokens: Tokens[int]) -> bool:
        """Read more of the text; whether it is all read. Raises DecodeFailed."""
        chunk = tokens if self._own_pooling else tokens[self._read : self._read + CHUNK]
        batch = llama.llama_batch_init(len(chunk), 0, 1)
        try:
            for row, token in enumerate(chunk):
                batch.token[row] = token
                batch.pos[row] = self._read + row
                batch.n_seq_id[row] = 1
                batch.seq_id[row][0] = 0
                batch.logits[row] = 1
            batch.n_tokens = len(chunk)
            if llama.llama_decode(self._ctx, batch) != 0:
                raise DecodeFailed("the text could not be read")
        finally:
            llama.llama_batch_free(batch)
        self._read += len(chunk)
        self._sum += self._output(len(chunk))
        return self._read >= len(tokens)

    def vector(self) -> bytes:
        """Little-endian float32. Raises DecodeFailed when the model made no numbers."""
        length = float(np.linalg.norm(self._sum))
        if not np.isfinite(length) or length == 0.0:
            raise DecodeFailed("the model made no vector")
        return (self._sum / length).astype("<f4").tobytes()

    def _output(self, rows: int) -> Any:
        if self._own_pooling:
            pooled = llama.llama_get_embeddings_seq(self._ctx, 0)
            return np.ctypeslib.as_array(pooled, (self._size,)) if pooled else 0.0
        rows_of = np.ctypeslib.as_array(llama.llama_get_embeddings(self._ctx), (rows, self._size))
        return rows_of.sum(axis=0, dtype=np.float64)

    def _make_context(self) -> Any:
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self.n_ctx
        params.n_outputs_max = self.n_ctx
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = self._threads
        params.embeddings = True
        context = llama.llama_init_from_model(self._model, params)
        if not context:
            raise DecodeFailed("not enough memory for a context")
        return context
