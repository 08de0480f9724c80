"""The state of the house at a glance: counts and speeds, never content."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.core import Permission, Principal
from appliance.errors import N_, Unavailable
from appliance.http.console.shell import Console, Section
from appliance.http.deps import needs
from appliance.http.phrases import KINDS, OUTCOMES
from appliance.protocol.messages import Stats

SECTION = Section("/console/dashboard", N_("Dashboard"), "gauge", Permission.SYSTEM_READ)
PATIENCE_S = 2.0

Reader = Annotated[Principal, Depends(needs(Permission.SYSTEM_READ))]


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under the data folder, in bytes."""

    total: int
    free: int

    @property
    def used_percent(self) -> int:
        return round(100 * (self.total - self.free) / self.total) if self.total else 0


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services = console.services

    @routes.get(SECTION.path)
    async def dashboard(request: Request, person: Reader) -> Response:
        stats = await stats_of(console)
        return await asyncio.to_thread(
            console.page, request, person, "dashboard.html",
            stats=stats,
            model=services.inference.model,
            disk=disk_of(services.settings.data),
            started_at=services.started_at,
            last_probe=services.proving.last,
            figures=await asyncio.to_thread(services.reports.figures),
            kinds=KINDS,
            outcomes=OUTCOMES,
        )  # fmt: skip

    return routes


def disk_of(folder: Path) -> Disk | None:
    """None where the system does not say."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(usage.total, usage.free)


async def stats_of(console: Console) -> Stats | None:
    """What the engine says of itself; None while there is none or it does not answer soon."""
    try:
        return await asyncio.wait_for(console.services.inference.stats(), PATIENCE_S)
    except (Unavailable, TimeoutError):
        return None
