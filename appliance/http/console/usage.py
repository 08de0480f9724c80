"""What everybody used, by person and key: counts, never content. Looking is recorded."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.completions.usage import SHOWN_DAYS
from appliance.core import Permission, Principal
from appliance.errors import N_
from appliance.http.console.shell import Console, Section
from appliance.http.deps import needs
from appliance.http.names import Names

SECTION = Section("/console/usage", N_("Usage"), "gauge", Permission.USER_MANAGE)

Manager = Annotated[Principal, Depends(needs(Permission.USER_MANAGE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services = console.services

    @routes.get(SECTION.path)
    def usage(request: Request, person: Manager) -> Response:
        sums = services.completions.usage.everybody(person)
        people = {used.user_id for used in sums}
        keys = [key for user_id in people for key in services.keys.list(user_id)]
        return console.page(
            request, person, "usage.html",
            sums=sums,
            names=Names(services.accounts, console.view.words(request)),
            labels={key.id: key.label for key in keys},
            days=SHOWN_DAYS,
        )  # fmt: skip

    return routes
