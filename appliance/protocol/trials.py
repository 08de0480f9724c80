"""What tuning asks of a jailed process of its own, and what comes back. One order, one result, JSON."""

from typing import Literal

import msgspec

from appliance.protocol.settings import RuntimeSettings

Format = Literal["Q4_0", "Q4_K_M", "Q8_0"]


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load the model as `settings` say and measure it for about `seconds`.

    With a `text`, its perplexity over at most `text_tokens` tokens is measured as well.
    """

    settings: RuntimeSettings
    seconds: float
    text: str = ""
    text_tokens: int = 1024


class Requantize(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Write the model in `source` to `target` with its weights in another format."""

    source: str
    target: str
    format: Format
    threads: int


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Tokens a second: of one prompt being read, and of all slots generating together."""

    prompt_tokens_per_s: float
    generated_tokens_per_s: float
    quantization: str
    size_bytes: int
    perplexity: float | None = None


class Written(msgspec.Struct, frozen=True, tag=True):
    """The new file is whole."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It does not work like this; `reason` for a person."""

    reason: str


Order = Trial | Requantize
Result = Measured | Written | Failed


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What the process gets on its standard input: the order and the jail it closes around itself.

    It is ended when it is not done in `limit_s` seconds. `data`: the data folder, of which it sees no more
    than what is readable by name.
    """

    order: Order
    limit_s: float = 1800.0
    data: str
    readable: tuple[str, ...]
    writable: tuple[str, ...] = ()
    user: tuple[int, int] | None = None
    guard: str = "kernel"
