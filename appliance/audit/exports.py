"""Exports that a page asks for: written to exports/ in the background, fetched by name, both recorded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.audit.actions import AuditAction
from appliance.audit.errand import Errand, State
from appliance.audit.export import Exporter, Request
from appliance.audit.reads import Reads
from appliance.clock import Clock
from appliance.core import Principal
from appliance.errors import N_, NotFound

NAME = re.compile(r"naesil-audit-[0-9]{8}T[0-9]{6}Z\.zip", re.ASCII)


@dataclass(frozen=True, slots=True)
class File:
    """An export that lies ready."""

    name: str
    size: int
    made_at: datetime


class Exports:
    """The service. `exporter` is made anew for each: the keys may have been replaced meanwhile."""

    def __init__(self, folder: Path, reads: Reads, clock: Clock, exporter: Callable[[], Exporter]) -> None:
        self._folder = folder
        self._reads = reads
        self._clock = clock
        self._exporter = exporter
        self._errand = Errand("export")

    @property
    def state(self) -> State:
        return self._errand.state

    def start(self, actor: Principal, request: Request) -> None:
        """Write one in the background. InvalidInput without a reason, Conflict while another is written."""
        exporter = self._exporter()
        exporter.check(request)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        out = self._folder / f"naesil-audit-{self._clock.now():%Y%m%dT%H%M%SZ}.zip"
        self._errand.start(lambda progress: exporter.export(actor, request, out, progress))

    def list(self) -> list[File]:
        """What lies ready, the newest first."""
        found = [path for path in self._folder.glob("*.zip") if NAME.fullmatch(path.name)]
        return [_file(path) for path in sorted(found, reverse=True)]

    def fetch(self, actor: Principal, name: str) -> Path:
        """The file, once the fetching is recorded. NotFound for any other name."""
        path = self._folder / name
        if not NAME.fullmatch(name) or not path.is_file():
            raise NotFound(N_("There is no such export."))
        self._reads.record(actor, AuditAction.EXPORT_FETCHED, f"export:{name}")
        return path


def _file(path: Path) -> File:
    facts = path.stat()
    return File(path.name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
