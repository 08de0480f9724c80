"""The model file that everybody serves: the embedded one in the format that tuning chose for this machine.

That is what `make run` serves; its peers get the very same file.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from appliance.clock import SystemClock
from appliance.config import Settings
from appliance.inference import registry, store, tuning
from appliance.supervisor import machine
from appliance.supervisor.tune import Tuner, Wish, keep
from appliance.supervisor.workshop import Workshop
from benchmarks.targets.servers import BUILDS


def tuned_model() -> Path:
    """The file, made once and kept in .venv-bench."""
    settings = Settings(data=BUILDS / "data")
    model = registry.resolve(settings)
    folder, key = settings.models_folder, machine.key()
    if tuning.read(folder, model.sha256, key) is None:
        with store.changing(folder):
            tuner = Tuner(Workshop(settings, model), model, Wish(quick=True), lambda *_: None)
            keep(folder, model, tuner.run(), key, SystemClock(), applied=True)
    chosen, _ = tuning.apply(replace(settings, model=model.name), model, key)
    if chosen.path == model.path:
        return model.path
    copy = BUILDS / f"{model.name}-{chosen.sha256[:12]}.gguf"
    if not copy.exists():
        shutil.copyfile(chosen.path, copy)  # readable for whomever root's children become
    return copy
