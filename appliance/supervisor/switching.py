"""Asking the running product about its model, and to take another; for the command line."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.errors import Unavailable
from appliance.inference.registry import ModelFile
from appliance.protocol.control import AskModel, RunningModel, UseModel
from appliance.supervisor import door

PATIENCE_S = 5.0
LOAD_PATIENCE_S = 600.0


def running_model(run_folder: Path) -> RunningModel | None:
    """The model that serves now; None when the product does not run."""
    try:
        answers = list(door.ask(run_folder, AskModel(), PATIENCE_S))
    except Unavailable:
        return None
    return msgspec.json.decode(answers[-1].value, type=RunningModel)


def asker(run_folder: Path) -> Callable[[ModelFile], None]:
    """A function that makes the running product take a model. It raises what the product says."""

    def take(model: ModelFile) -> None:
        list(door.ask(run_folder, UseModel(model.name), LOAD_PATIENCE_S))

    return take
