"""What a workload is, and which there are: every module in workloads/ tells its own."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks import workloads
from benchmarks.load import Target

Figures = Mapping[str, float]
PRODUCT = "naesil"
SERVERS = ("llama-server", "xllamacpp", "url")
ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to do. `quick`: just enough to see that it works; its figures say nothing."""

    model: Path
    quick: bool = False
    minutes: float = 10.0

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise about one figure: alone, or divided by a peer's, at most or at least `limit`."""

    figure: str
    limit: float
    kind: Literal["at least", "at most"]
    versus: str = ""

    def met(self, value: float) -> bool:
        return value >= self.limit if self.kind == "at least" else value <= self.limit

    def text(self) -> str:
        return f"{self.figure}{f' / {self.versus}' if self.versus else ''} {self.kind} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a contest needs of a target: its slots, tokens of context each, and users with keys."""

    slots: int = 16
    context: int = 2048
    users: int = 1
    queue_limit: int = 512


@dataclass(frozen=True, slots=True)
class Contest:
    """Load for a running target, freshly started in each round, the product and its peers in turns.

    `measure` returns figures; "generated_tokens" among them makes the costs per 1,000 tokens.
    """

    name: str
    about: str
    measure: Callable[[Target, Scale], Awaitable[dict[str, float]]]
    setup: Setup = Setup()
    peers: tuple[str, ...] = (ENGINE, *SERVERS)
    shown: tuple[str, ...] = ("tokens_per_s",)
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """Something measured of the product's own parts; each round calls `measure` once."""

    name: str
    about: str
    measure: Callable[[Scale], dict[str, float]]
    shown: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = field(default=())


Workload = Contest | Measurement


def every() -> dict[str, Workload]:
    """Name -> workload, in the order of their modules' names."""
    return {workload.name: workload for workload in _found()}


def _found() -> Iterator[Workload]:
    for entry in pkgutil.iter_modules(workloads.__path__):
        module = importlib.import_module(f"{workloads.__name__}.{entry.name}")
        yield from module.WORKLOADS
