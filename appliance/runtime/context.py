"""A llama.cpp context made as the settings say: KV layout and types, attention, threads, batches."""

from typing import Any

import llama_cpp.llama_cpp as llama

from appliance.protocol.settings import KvType, RuntimeSettings
from appliance.runtime import memory

# The ggml number of each type, and how many bytes so many values take.
KV_TYPES: dict[KvType, tuple[int, int, int]] = {
    "f32": (llama.GGML_TYPE_F32, 4, 1),
    "f16": (llama.GGML_TYPE_F16, 2, 1),
    "q8_0": (llama.GGML_TYPE_Q8_0, 34, 32),
    "q5_1": (llama.GGML_TYPE_Q5_1, 24, 32),
    "q5_0": (llama.GGML_TYPE_Q5_0, 22, 32),
    "q4_1": (llama.GGML_TYPE_Q4_1, 20, 32),
    "q4_0": (llama.GGML_TYPE_Q4_0, 18, 32),
}
PLAIN_TYPES = ("f32", "f16")


class BadLayout(Exception):
    """These settings do not go together, or not with this model or machine; the message says why."""


def make(model: Any, settings: RuntimeSettings, sequences: int) -> tuple[Any, int]:
    """The context of so many sequences, and how many tokens each may hold. Raises BadLayout."""
    _check(settings)
    tokens = _tokens(model, settings, sequences)
    before = memory.mappings()
    context = llama.llama_init_from_model(model, _params(settings, tokens, sequences))
    if not context:
        raise BadLayout("not enough memory for this many slots and this much context")
    memory.release_untouched(before)
    per_sequence = int(llama.llama_n_ctx_seq(context))
    # With one KV cache for all, llama.cpp would let one sequence take everybody's cells.
    return context, min(tokens, per_sequence) if settings.kv_unified else per_sequence


def _tokens(model: Any, settings: RuntimeSettings, sequences: int) -> int:
    """Tokens per sequence: what was asked for or suits the model, within what memory allows."""
    trained = llama.llama_model_n_ctx_train(model)
    each, available = kv_bytes_per_token(model, settings), memory.available_bytes()
    if settings.context:
        return memory.reduce_context(settings.context, trained, each, sequences, available)
    size = llama.llama_model_size(model)
    return memory.choose_context(trained, each, settings.slots, size, available)


def kv_bytes_per_token(model: Any, settings: RuntimeSettings) -> int:
    """Bytes of KV cache one token takes, all layers together."""
    heads = max(1, llama.llama_model_n_head(model))
    head_size = llama.llama_model_n_embd(model) // heads
    values = llama.llama_model_n_layer(model) * max(1, llama.llama_model_n_head_kv(model)) * head_size
    sizes = (KV_TYPES[settings.type_k], KV_TYPES[settings.type_v])
    return int(sum(values * size // block for _, size, block in sizes))


def _check(settings: RuntimeSettings) -> None:
    if not 1 <= settings.ubatch <= settings.batch:
        raise BadLayout("ubatch must be 1 to batch")
    if settings.type_v not in PLAIN_TYPES and not settings.flash_attn:
        raise BadLayout(f"type_v {settings.type_v} needs flash attention")


def _params(settings: RuntimeSettings, tokens: int, sequences: int) -> Any:
    params = llama.llama_context_default_params()
    params.n_ctx = tokens * sequences
    params.n_seq_max = sequences
    params.n_batch = max(settings.batch, sequences)
    params.n_ubatch = max(settings.ubatch, sequences)
    params.n_outputs_max = max(sequences, 1)
    params.n_threads = settings.threads
    params.n_threads_batch = settings.threads_batch or settings.threads
    params.kv_unified = settings.kv_unified
    params.flash_attn_type = (
        llama.LLAMA_FLASH_ATTN_TYPE_ENABLED if settings.flash_attn else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    params.type_k, params.type_v = KV_TYPES[settings.type_k][0], KV_TYPES[settings.type_v][0]
    return params
