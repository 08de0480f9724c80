"""What the supervisor tells the model process at its start. Plain values, no secrets."""

import msgspec


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which model to serve and how widely.

    `context`: tokens per sequence, 0 = chosen from the model and the machine's memory.
    `queue_limit`: requests that may wait for a slot before others are refused.
    """

    model_path: str
    model_name: str
    model_sha256: str
    slots: int
    context: int
    threads: int
    queue_limit: int
