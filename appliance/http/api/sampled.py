"""The sampling parameters that /v1/chat/completions and /v1/completions share."""

from typing import Annotated, Any

from pydantic import Field

from appliance.http.api import bodies
from appliance.http.api.bodies import Penalty, Seed

_PLAIN = (
    *("temperature", "top_p", "top_k", "min_p", "repeat_penalty"),
    *("presence_penalty", "frequency_penalty"),
)


class Sampled(bodies.Lenient):
    """A request with these parameters."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, lt=2**31)
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: Seed | None = None
    stop: bodies.Stop | bodies.Stops | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repeat_penalty: float | None = Field(default=None, gt=0, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = Field(
        default=None, max_length=1024
    )
    n: int | None = Field(default=None, ge=1, le=bodies.MAX_CHOICES)
    korean_only: bool = False

    def check_bias(self) -> None:
        """Raises ValueError when a bias is for something that is no token."""
        if not all(key.isdecimal() and len(key) < 10 for key in self.logit_bias or ()):
            raise ValueError("logit_bias has token ids as keys")

    def chosen(self) -> dict[str, Any]:
        """What was given, in Sampling's terms."""
        given = {name: value for name in _PLAIN if (value := getattr(self, name)) is not None}
        return given | {
            "seed": self.seed,
            "stop": (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            "logit_bias": {int(token): bias for token, bias in (self.logit_bias or {}).items()},
            "korean_only": self.korean_only,
        }
