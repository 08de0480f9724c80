"""What the supervisor tells the model process at its start. Plain values, no secrets."""

from typing import Literal

import msgspec

KvType = Literal["f32", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which model to serve, how widely, and the layout that suits this machine best.

    `context`: tokens per sequence, 0 = chosen from the model and the machine's memory.
    `queue_limit`: requests that may wait for a slot before others are refused.
    `kv_ram_bytes`: memory for conversations that lost their slot and for shared prefixes, at
    most; the runtime takes no more than a share of what the machine has left. 0 keeps none.

    `adapter_path`: a LoRA adapter over the model, "" for none. `gpu_layers`: layers computed on the
    GPU, -1 = all; 0 needs none.

    What tuning chooses: `threads` for generating and `threads_batch` for reading prompts
    (0 = the same); `kv_unified`, one KV cache for all sequences instead of one each;
    `flash_attn`; `type_k` and `type_v`, how keys and values are stored (a quantized `type_v`
    needs `flash_attn`); `batch`, the most prompt tokens one call reads, of which `ubatch` are
    computed at once.
    """

    model_path: str
    model_name: str
    model_sha256: str
    model_licence: str = ""
    adapter_path: str = ""
    gpu_layers: int = 0
    slots: int
    context: int
    threads: int
    queue_limit: int
    kv_ram_bytes: int = 0
    threads_batch: int = 0
    kv_unified: bool = False
    flash_attn: bool = True
    type_k: KvType = "f16"
    type_v: KvType = "f16"
    batch: int = 512
    ubatch: int = 512
