"""What a runtime is started with."""

import msgspec


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One model and how to run it. `context`: tokens per sequence, 0 = chosen for the model."""

    model_path: str
    model_name: str
    model_sha256: str
    slots: int
    context: int
    threads: int
    queue_limit: int
