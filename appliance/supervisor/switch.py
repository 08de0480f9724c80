"""Another model takes over while the product runs: its process starts beside the old one.

Only when the new one has loaded does web hear of it; from then on questions go to the new one, and
the old one ends when it has answered what it had. A model that cannot be loaded changes nothing.
"""

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import msgspec

from appliance.errors import N_, ConfigError, Conflict, NaesilError
from appliance.protocol.framing import NONSENSE
from appliance.protocol.settings import RuntimeSettings
from appliance.supervisor.children import Child
from appliance.supervisor.spec import Context, Report

log = logging.getLogger(__name__)

OnDone = Callable[[NaesilError | None], None]
"""Called exactly once: with None when the model serves, else with why it does not."""


class Starts(Protocol):
    """Whoever starts children; `runtime` is what a runtime that must be restarted gets."""

    runtime: RuntimeSettings

    def load(self, name: str) -> RuntimeSettings:
        """The orders for the model of this name. Raises NaesilError."""
        ...

    def start_runtime(self, runtime: RuntimeSettings) -> tuple[Child, socket.socket]:
        """A model process, and our end of its socketpair."""
        ...


class Staff(Protocol):
    """The supervisor, as far as a switch needs it."""

    def attend(self, child: Child) -> None: ...
    def replace_runtime(self, child: Child) -> Child | None: ...
    def tell_web(self, report: Report, descriptor: socket.socket | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class _Trial:
    child: Child
    sock: socket.socket
    runtime: RuntimeSettings
    on_done: OnDone


class Switch:
    """Owned by the supervisor's loop. `_leaving`: runtimes that still answer what they had."""

    def __init__(self, staff: Staff, starts: Starts) -> None:
        self._staff = staff
        self._starts = starts
        self._trial: _Trial | None = None
        self._leaving: list[Child] = []
        self.context = Context()

    @property
    def model(self) -> RuntimeSettings:
        """What the serving runtime was told to load."""
        return self._starts.runtime

    @property
    def children(self) -> list[Child]:
        """Processes that are not the serving runtime."""
        return [*self._leaving, *([] if self._trial is None else [self._trial.child])]

    def use(self, name: str, on_done: OnDone) -> None:
        """Load this model, and let it take over."""
        if self._trial is not None:
            on_done(Conflict(N_("Another model is being loaded just now. Wait until it is done.")))
            return
        try:
            runtime = self._starts.load(name)
        except NaesilError as error:
            on_done(error)
            return
        child, sock = self._starts.start_runtime(runtime)
        self._trial = _Trial(child, sock, runtime, on_done)
        self._staff.attend(child)

    def on_ready(self, child: Child, report: Report) -> None:
        """A runtime has loaded its model."""
        with suppress(*NONSENSE):
            self.context = msgspec.json.decode(report.body, type=Context)
        if self._starts.runtime.context and self.context.n_ctx < self.context.n_ctx_wanted:
            log.warning("the context was reduced from %d to %d tokens: %s", *self._reduced())
        trial = self._trial
        if trial is None or trial.child is not child:
            return
        self._trial = None
        old = self._staff.replace_runtime(child)
        if old is not None:
            self._leaving.append(old)
        self._starts.runtime = trial.runtime
        self._staff.tell_web(Report(process="runtime", attach="runtime", switched=True), trial.sock)
        trial.on_done(None)

    def _reduced(self) -> tuple[int, int, str]:
        reason = "neither model nor memory allows more with so many slots"
        return self.context.n_ctx_wanted, self.context.n_ctx, reason

    def on_death(self, child: Child) -> bool:
        """Whether it was one of ours, whose end is nobody else's business."""
        if child in self._leaving:
            self._leaving.remove(child)
            return True
        if self._trial is None or self._trial.child is not child:
            return False
        trial, self._trial = self._trial, None
        trial.sock.close()
        reason = child.error or f"exit status {child.process.returncode}"
        trial.on_done(
            ConfigError(
                N_("The model could not be loaded: %(reason)s. The old one serves on."), reason=reason
            )
        )
        return True

    def stop(self) -> None:
        """Let a model that is being loaded go; it ends when it sees the end of the file."""
        if self._trial is not None:
            self._trial.child.process.kill()
