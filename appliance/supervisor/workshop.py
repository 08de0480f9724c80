"""Runs trials of a model, one jailed process each, and makes requantized files."""

import logging
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from appliance.config import Settings, share_folder
from appliance.egress.environment import child_environment
from appliance.egress.report import demanded
from appliance.inference import store
from appliance.inference.registry import ModelFile
from appliance.inference.tuning import SAMPLE, Layout
from appliance.policy.destinations import load_destinations
from appliance.protocol.framing import NONSENSE
from appliance.protocol.settings import RuntimeSettings
from appliance.protocol.trials import Failed, Format, Measured, Order, Orders, Requantize, Result, Trial
from appliance.storage.owner import Owner, hand_over, service_user

MODULE = "appliance.supervisor.trial"
CONTEXT = 1024
LIMIT_S = 1800.0
LATE = Failed("it takes too long")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a trial takes: seconds of measuring, tokens of text for the perplexity."""

    seconds: float
    text_tokens: int


class Workshop:
    """Trials of one model. `run` is how an order becomes a result; the tests hand in their own."""

    def __init__(
        self,
        settings: Settings,
        model: ModelFile,
        run: "Callable[[Orders], Result] | None" = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._settings = settings
        self._model = model
        self._run = run or run_jailed
        self._owner: Owner | None = service_user(settings)
        self._until = math.inf
        egress, _ = load_destinations(share_folder("policies"), settings.data / "policies")
        self._guard = demanded(settings.guard, egress.minimum_level)

    def hurry(self, seconds: float) -> None:
        """From now on there is so much time for everything; what is not done by then has failed."""
        self._until = self._monotonic() + seconds

    def measure(self, path: Path, layout: Layout, pace: Pace, *, text: bool = False) -> Measured | Failed:
        """The speeds of a file under a layout; with `text` its perplexity too."""
        settings = RuntimeSettings(
            model_path=str(path),
            model_name=self._model.name,
            model_sha256=self._model.sha256,
            gpu_layers=self._settings.gpu_layers,
            slots=self._settings.slots,
            context=CONTEXT,
            threads=layout.threads,
            queue_limit=1,
        )
        sample = SAMPLE.read_text("utf-8") if text else ""
        order = Trial(
            settings=layout.applied_to(settings),
            seconds=pace.seconds,
            text=sample,
            text_tokens=pace.text_tokens,
        )
        result = self._ask(order, (path,))
        return result if isinstance(result, (Measured, Failed)) else Failed("no answer")

    def requantize(self, target: Path, wanted: Format) -> Failed | None:
        """Write the model to `target` in another format; why not, if it cannot be."""
        target.touch(mode=0o600)
        if self._owner is not None:
            hand_over(self._settings.data, self._owner)
        threads = len(os.sched_getaffinity(0))
        source = self._model.path
        order = Requantize(source=str(source), target=str(target), format=wanted, threads=threads)
        result = self._ask(order, (source,), (target,))
        return result if isinstance(result, Failed) else None

    def draft(self) -> Path:
        """A name for a requantized file in the models folder."""
        return store.staging_path(self._settings.models_folder)

    def _ask(self, order: Order, readable: tuple[Path, ...], writable: tuple[Path, ...] = ()) -> Result:
        left = min(LIMIT_S, self._until - self._monotonic())
        if left <= 0:
            return LATE
        return self._run(
            Orders(
                order=order,
                limit_s=left,
                data=str(self._settings.data),
                readable=tuple(map(str, readable)),
                writable=tuple(map(str, writable)),
                user=self._owner,
                guard=self._guard,
            )
        )


def run_jailed(orders: Orders) -> Result:
    """The order in a process of its own; one that ends badly is a result as well."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", MODULE],
            input=msgspec.json.encode(orders),
            capture_output=True,
            env=child_environment(),
            cwd="/",
            timeout=orders.limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return LATE
    try:
        result: Result = msgspec.json.decode(done.stdout, type=Result)
    except NONSENSE:
        log.debug("a trial ended: %s", done.stderr.decode("utf-8", "replace"))
        return Failed(f"the process ended with status {done.returncode}")
    return result
