"""`appliance model tune`: try files and layouts on this machine, choose, keep the choice."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.clock import Clock
from appliance.errors import N_, ConfigError
from appliance.inference import store, tuning
from appliance.inference.registry import ModelFile
from appliance.inference.store import Record, Staged
from appliance.inference.tuning import Layout, Row, Tuned
from appliance.protocol.trials import Failed, Format, Measured
from appliance.supervisor.workshop import Pace, Workshop

QUICK = Pace(seconds=1.0, text_tokens=256)
FULL = Pace(seconds=4.0, text_tokens=1536)
QUICK_S = 18.0  # for all trials of a quick tuning, so that a first start waits 20 seconds at most
LAYOUT_TRIALS = 16
QUICK_FORMATS: tuple[Format, ...] = ("Q8_0",)

OnStep = Callable[[int, int, str], None]
"""Gets the step, how many there are about, and what is being tried."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`most_loss`: the perplexity may rise by so much, 0.02 = two per cent."""

    quick: bool = False
    most_loss: float = 0.02


@dataclass(frozen=True, slots=True)
class Findings:
    """Every trial in order, the one chosen, how much faster it is, and its file if it is a new one."""

    rows: tuple[Row, ...]
    chosen: Row
    speedup: float
    file: Staged | None


class Tuner:
    """One tuning. Call within `store.changing`: it leaves requantized files in the models folder."""

    def __init__(self, workshop: Workshop, model: ModelFile, wish: Wish, on_step: OnStep) -> None:
        self._workshop = workshop
        self._model = model
        self._wish = wish
        self._on_step = on_step
        self._pace = QUICK if wish.quick else FULL
        self._cores = len(os.sched_getaffinity(0))
        self._files: dict[str, Path] = {}
        self._step = 0

    def run(self) -> Findings:
        """Files first, then layouts of the best file. Raises ConfigError when the model does not run."""
        if self._wish.quick:
            self._workshop.hurry(QUICK_S)
        try:
            rows = self._formats()
            chosen = tuning.best(rows, self._wish.most_loss)
            if not self._wish.quick:
                chosen = self._layouts(rows, chosen)
            chosen, speedup = self._duel(rows[0], chosen)
            return Findings(tuple(rows), chosen, speedup, self._keep(chosen.format))
        finally:
            for path in self._files.values():
                path.unlink(missing_ok=True)

    def _formats(self) -> list[Row]:
        layout = Layout(threads=self._cores)
        original = self._measure(self._model.path, layout, self._model.header.quantization, text=True)
        if isinstance(original, Failed):
            raise ConfigError(N_("The model cannot be used: %(reason)s."), reason=original.reason)
        rows = [Row(original.quantization, layout, original)]
        wanted = tuning.worth_trying(original, self._model.header.n_params)
        for name in wanted if self._model.adapter is None else ():
            if self._wish.quick and name not in QUICK_FORMATS:
                continue
            rows.append(self._format(name, layout, original))
        return rows

    def _format(self, name: Format, layout: Layout, original: Measured) -> Row:
        path = self._files[name] = self._workshop.draft()
        failed = self._workshop.requantize(path, name)
        measured = failed or self._measure(path, layout, name, text=True)
        if isinstance(measured, Failed):
            return Row(name, layout, None, measured.reason)
        change = None
        if measured.perplexity is not None and original.perplexity is not None:
            change = measured.perplexity / original.perplexity - 1
        return Row(name, layout, measured, perplexity_change=change)

    def _layouts(self, rows: list[Row], chosen: Row) -> Row:
        path = self._files.get(chosen.format, self._model.path)
        for group in tuning.VARIATIONS:
            layouts = group(chosen.layout, self._cores)
            if layouts:
                # Once more, beside its rivals: the machine may be busier or idler than when it won.
                again = self._measure(path, chosen.layout, chosen.format)
                tried = [self._layout(path, layout, chosen) for layout in layouts]
                rows += tried
                chosen = tuning.best([tuning.better(chosen, again, fresh=True), *tried], self._wish.most_loss)
        return chosen

    def _duel(self, original: Row, chosen: Row) -> tuple[Row, float]:
        """The winner and the model as it is, measured one after the other: whoever is faster now."""
        if (chosen.format, chosen.layout) == (original.format, original.layout):
            return original, 1.0
        path = self._files.get(chosen.format, self._model.path)
        theirs = tuning.better(
            original, self._measure(self._model.path, original.layout, original.format), fresh=True
        )
        ours = tuning.better(chosen, self._measure(path, chosen.layout, chosen.format), fresh=True)
        return (ours, ours.score / theirs.score) if ours.score > theirs.score else (original, 1.0)

    def _layout(self, path: Path, layout: Layout, chosen: Row) -> Row:
        measured = self._measure(path, layout, chosen.format)
        if isinstance(measured, Failed):
            return Row(chosen.format, layout, None, measured.reason)
        return Row(chosen.format, layout, measured, perplexity_change=chosen.perplexity_change)

    def _measure(self, path: Path, layout: Layout, name: str, *, text: bool = False) -> Measured | Failed:
        self._step += 1
        self._on_step(self._step, 4 if self._wish.quick else LAYOUT_TRIALS + len(tuning.FORMATS), name)
        return self._workshop.measure(path, layout, self._pace, text=text)

    def _keep(self, name: str) -> Staged | None:
        path = self._files.pop(name, None)
        return None if path is None else store.adopt(path)


def keep(
    folder: Path, model: ModelFile, found: Findings, machine: str, clock: Clock, *, applied: bool
) -> Tuned:
    """Keep the choice, and the requantized file with it when it is to be used.

    What was only measured never takes the place of a choice that is in use.
    """
    chosen = found.chosen
    measured = chosen.measured
    if measured is None:
        raise ConfigError(N_("The model cannot be used: %(reason)s."), reason=chosen.problem)
    tuned = Tuned(
        at=clock.now(),
        applied=applied,
        layout=chosen.layout,
        file="" if found.file is None else found.file.sha256,
        quantization=measured.quantization,
        prompt_tokens_per_s=measured.prompt_tokens_per_s,
        generated_tokens_per_s=measured.generated_tokens_per_s,
        speedup=found.speedup,
        perplexity=_perplexity(found),
        perplexity_change=chosen.perplexity_change,
    )
    if found.file is not None and applied:
        store.place(folder, found.file, _record(model, found.file, clock))
    elif found.file is not None:
        found.file.path.unlink(missing_ok=True)
    before = tuning.read(folder, model.sha256, machine)
    if applied or before is None or not before.applied:
        tuning.write(folder, model.sha256, machine, tuned)
    _clear(folder, model.sha256)
    return tuned


def _perplexity(found: Findings) -> float | None:
    """Of the chosen file; it was measured with the first layout only."""
    same = (row.measured for row in found.rows if row.format == found.chosen.format)
    return next((one.perplexity for one in same if one is not None and one.perplexity is not None), None)


def _record(model: ModelFile, file: Staged, clock: Clock) -> Record:
    return Record(
        name=model.name,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        licence=model.licence,
        source=model.source,
        file_name=model.path.name,
        imported_at=clock.now(),
        made_from=model.sha256,
    )


def _clear(folder: Path, sha256: str) -> None:
    """Remove files of earlier tunings that no machine's choice names any more."""
    named = tuning.files(folder, sha256)
    for record in store.records(folder):
        if record.made_from == sha256 and record.sha256 not in named:
            store.remove(folder, record.sha256)
