"""The queue: how much is being answered and waiting, and what limits hold for whom. Counts only."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.core import Permission, Principal
from appliance.errors import N_
from appliance.http.console.dashboard import stats_of
from appliance.http.console.shell import Console, Section
from appliance.http.deps import needs

SECTION = Section("/console/queue", N_("Queue"), "queue", Permission.QUEUE_READ)

Reader = Annotated[Principal, Depends(needs(Permission.QUEUE_READ))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()

    @routes.get(SECTION.path)
    async def queue(request: Request, person: Reader) -> Response:
        stats = await stats_of(console)
        limits = console.services.gate.policy.parts.limits
        return await asyncio.to_thread(
            console.page, request, person, "queue.html",
            stats=stats,
            queue_limit=console.services.settings.queue_limit,
            limits=[("", limits.default), *((group.name, group) for group in limits.groups)],
        )  # fmt: skip

    return routes
