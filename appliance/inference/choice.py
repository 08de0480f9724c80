"""Which model the house chose with `appliance model use`, kept in models/choice.json."""

from pathlib import Path

import msgspec

from appliance.inference import store
from appliance.protocol.framing import NONSENSE

FILE = "choice.json"


class Choice(msgspec.Struct, frozen=True):
    """The name of a model; empty: the embedded one."""

    name: str = ""


def read(models_folder: Path) -> str:
    """The chosen name; empty without a choice, or with one that cannot be read."""
    try:
        return msgspec.json.decode((models_folder / FILE).read_bytes(), type=Choice).name
    except (OSError, *NONSENSE):
        return ""


def write(models_folder: Path, name: str) -> None:
    store.write(models_folder / FILE, msgspec.json.encode(Choice(name)))
