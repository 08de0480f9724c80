"""Web's way to let another model take over: it asks the supervisor and waits until the model serves."""

import asyncio

import msgspec

from appliance.errors import ConfigError
from appliance.inference.registry import ModelFile
from appliance.supervisor.proofs import Proofs

PATIENCE_S = 600.0


class Refused(msgspec.Struct):
    """Why the model does not serve: a message template and its parameters."""

    error: str
    params: dict[str, str] = {}


class ModelDesk:
    """A Switch for threads of the web process; the asking itself belongs to its event loop."""

    def __init__(self, proofs: Proofs) -> None:
        self._proofs = proofs

    def __call__(self, model: ModelFile) -> None:
        """Returns once the model serves. Raises ConfigError with the supervisor's reason."""
        body = msgspec.Raw(msgspec.json.encode(model.name))
        asking = self._proofs.ask("use-model", body, PATIENCE_S)
        answer = asyncio.run_coroutine_threadsafe(asking, self._proofs.loop).result()
        said = msgspec.json.decode(answer, type=bool | Refused)
        if isinstance(said, Refused):
            raise ConfigError(said.error, **said.params)
