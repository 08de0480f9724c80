"""The system: version, when it started, and every setting with where its value came from."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance import __version__
from appliance.config import setting_names
from appliance.core import Permission, Principal
from appliance.errors import N_
from appliance.http.console.dashboard import disk_of
from appliance.http.console.shell import Console, Section
from appliance.http.deps import needs

SECTION = Section("/console/system", N_("System"), "chip", Permission.SYSTEM_READ)
CONCEALED = frozenset({"database_url"})  # may carry a password

Reader = Annotated[Principal, Depends(needs(Permission.SYSTEM_READ))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services = console.services

    @routes.get(SECTION.path)
    def system(request: Request, person: Reader) -> Response:
        settings = services.settings
        rows = [
            (name, str(getattr(settings, name) or "–"), str(settings.sources.get(name, "default")))
            for name in setting_names()
            if name not in CONCEALED
        ]
        return console.page(
            request, person, "system.html",
            version=__version__,
            started_at=services.started_at,
            disk=disk_of(settings.data),
            database="PostgreSQL" if getattr(settings, "database_url", "") else "SQLite",
            settings=rows,
        )  # fmt: skip

    return routes
