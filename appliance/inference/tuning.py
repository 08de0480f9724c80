"""What was measured of a model on a machine, which layout is best, and the record of the choice.

Pure but for the record's file, models/SHA-256.tuned: a choice for each machine that shares the folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.config import Settings
from appliance.inference import store
from appliance.inference.registry import ModelFile, file_sha256
from appliance.protocol.framing import NONSENSE
from appliance.protocol.settings import KvType, RuntimeSettings
from appliance.protocol.trials import Failed, Format, Measured

PROMPT_TOKENS = 200  # what a usual request costs,
ANSWER_TOKENS = 100  # for the score
BETTER = 1.03  # less than so much faster is noise, and the simpler layout stays
SAMPLE = Path(__file__).with_name("sample.txt")
FORMATS: tuple[Format, ...] = ("Q8_0", "Q4_K_M", "Q4_0")
# Bits a weight. Fewer than the file's own cost quality; many more cost memory and cannot gain any.
BITS: dict[Format, float] = {"Q4_0": 4.5, "Q4_K_M": 4.85, "Q8_0": 8.5}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of RuntimeSettings that tuning chooses."""

    threads: int
    threads_batch: int = 0
    kv_unified: bool = False
    flash_attn: bool = True
    type_k: KvType = "f16"
    type_v: KvType = "f16"
    batch: int = 512
    ubatch: int = 512

    def applied_to(self, settings: RuntimeSettings) -> RuntimeSettings:
        return msgspec.structs.replace(settings, **msgspec.structs.asdict(self))


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """The best that was found. `file`: the SHA-256 of the requantized file, "" for the original.

    `perplexity_change`: of that file against the original, 0.01 = one per cent worse.
    """

    at: datetime
    applied: bool
    layout: Layout
    file: str
    quantization: str
    prompt_tokens_per_s: float
    generated_tokens_per_s: float
    speedup: float
    perplexity: float | None = None
    perplexity_change: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One trial: what was tried, what came of it, or why it did not work."""

    format: str
    layout: Layout
    measured: Measured | None
    problem: str = ""
    perplexity_change: float | None = None

    @property
    def score(self) -> float:
        return 0.0 if self.measured is None else requests_per_s(self.measured)


def requests_per_s(measured: Measured) -> float:
    """Usual requests a second with every slot busy; the one number that layouts are compared by."""
    reading = PROMPT_TOKENS / max(measured.prompt_tokens_per_s, 1e-9)
    return 1 / (reading + ANSWER_TOKENS / max(measured.generated_tokens_per_s, 1e-9))


def _threads(layout: Layout, cores: int) -> list[Layout]:
    fewer = sorted({1, cores // 2, cores - 1} - {0, layout.threads})
    return [msgspec.structs.replace(layout, threads=threads) for threads in fewer if threads < cores]


def _attention(layout: Layout, _cores: int) -> list[Layout]:
    return [msgspec.structs.replace(layout, flash_attn=False)]


def _kv_layout(layout: Layout, _cores: int) -> list[Layout]:
    return [msgspec.structs.replace(layout, kv_unified=True)]


def _kv_type(layout: Layout, _cores: int) -> list[Layout]:
    return [msgspec.structs.replace(layout, type_k="q8_0", type_v="q8_0", flash_attn=True)]


def _batches(layout: Layout, _cores: int) -> list[Layout]:
    sizes = ((128, 128), (256, 256), (1024, 512), (1024, 1024))
    return [msgspec.structs.replace(layout, batch=batch, ubatch=ubatch) for batch, ubatch in sizes]


# One thing after the other; each builds on what the ones before it chose.
VARIATIONS: tuple[Callable[[Layout, int], list[Layout]], ...] = (
    _threads, _attention, _kv_layout, _kv_type, _batches,
)  # fmt: skip


def worth_trying(original: Measured, n_params: int) -> list[Format]:
    """Formats that could be faster: never one with many more bits than the file has."""
    bits = 8 * original.size_bytes / max(1, n_params)
    own = original.quantization.replace(" - Medium", "_M")
    return [name for name in FORMATS if name != own and BITS[name] <= max(2 * bits, 4.9)]


def best(rows: Sequence[Row], most_loss: float) -> Row:
    """The fastest that works and loses no more quality than allowed; the first unless clearly beaten."""
    chosen = rows[0]
    for row in rows[1:]:
        allowed = row.perplexity_change is None or row.perplexity_change <= most_loss
        if row.measured is not None and allowed and row.score > chosen.score * BETTER:
            chosen = row
    return chosen


def better(row: Row, again: Measured | Failed, *, fresh: bool = False) -> Row:
    """The row with its newest speeds if they are better, or anyway when `fresh`; its perplexity stays."""
    if isinstance(again, Failed) or row.measured is None:
        return row
    known = row.measured.perplexity
    newer = replace(row, measured=msgspec.structs.replace(again, perplexity=known))
    return newer if fresh or newer.score > row.score else row


def read(models_folder: Path, sha256: str, machine: str) -> Tuned | None:
    """The choice for this model on this machine."""
    return _read_all(models_folder, sha256).get(machine)


def write(models_folder: Path, sha256: str, machine: str, tuned: Tuned) -> None:
    choices = _read_all(models_folder, sha256) | {machine: tuned}
    store.write(_path(models_folder, sha256), msgspec.json.encode(choices))


def files(models_folder: Path, sha256: str) -> set[str]:
    """The requantized files that some machine's choice names."""
    return {tuned.file for tuned in _read_all(models_folder, sha256).values() if tuned.applied and tuned.file}


def apply(
    settings: Settings, model: ModelFile, machine: str, *, verify: bool = True
) -> tuple[ModelFile, Layout | None]:
    """The model as it is to be served: its requantized file if one was chosen, and the chosen layout.

    A requantized file that is gone or was changed is passed over: the original always serves.
    """
    tuned = read(settings.models_folder, model.sha256, machine)
    if tuned is None or not tuned.applied:
        return model, None
    path = store.file_of(settings.models_folder, tuned.file)
    if not store.is_sha256(tuned.file) or not path.is_file() or (verify and file_sha256(path) != tuned.file):
        return model, tuned.layout
    sha256 = "+".join([tuned.file, *model.sha256.split("+")[1:]])
    return replace(model, path=path, sha256=sha256, size_bytes=path.stat().st_size), tuned.layout


def _read_all(models_folder: Path, sha256: str) -> dict[str, Tuned]:
    try:
        return msgspec.json.decode(_path(models_folder, sha256).read_bytes(), type=dict[str, Tuned])
    except (OSError, *NONSENSE):
        return {}


def _path(models_folder: Path, sha256: str) -> Path:
    return models_folder / f"{sha256}.tuned"
