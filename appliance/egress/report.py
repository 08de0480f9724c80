"""What the guard says of itself: one line a layer, and the level that follows from them."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from appliance.errors import N_, ConfigError

Level = Literal["kernel", "partial", "off"]
LEVELS: tuple[str, ...] = ("off", "partial", "kernel")  # the later, the tighter


@dataclass(frozen=True, slots=True)
class Layer:
    """One wall: whether it stands, and what it does or why it is missing.

    `required` walls make the level; the others close again what a required one closes already.
    """

    name: str
    active: bool
    detail: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The state of one process's jail, right after it was closed."""

    profile: str
    layers: tuple[Layer, ...]

    @property
    def level(self) -> Level:
        """kernel: every required wall stands; off: none of those that stop the network does."""
        if all(layer.active for layer in self.layers if layer.required):
            return "kernel"
        standing = {layer.name for layer in self.layers if layer.active}
        return "partial" if standing & {"system calls", "network namespace"} else "off"

    @property
    def missing(self) -> tuple[Layer, ...]:
        """The required walls that do not stand, with the reason in `detail`."""
        return tuple(layer for layer in self.layers if layer.required and not layer.active)

    def to_json(self) -> str:
        """The report as one line of JSON: profile, level, layers."""
        layers = [asdict(layer) for layer in self.layers]
        return json.dumps({"profile": self.profile, "level": self.level, "layers": layers})


def demanded(setting: str, minimum: str) -> str:
    """The stricter of the setting --guard (empty: no wish of its own) and the policy's minimum_level.

    Raises ConfigError for a setting that is no level.
    """
    if setting and setting not in LEVELS:
        raise ConfigError(
            N_("The setting 'guard' does not accept '%(value)s'. Known: %(known)s."),
            value=setting,
            known=", ".join(LEVELS),
        )
    return max(setting or LEVELS[0], minimum, key=LEVELS.index)
