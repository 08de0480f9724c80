"""The administrators' console: one module per page, each with its SECTION and its router.

To add a page: write a module with `SECTION` and `router(console)`, and name it in `PAGES`.
The navigation shows a section to whoever has its permission, in the order of `PAGES`.
"""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from appliance.errors import N_, Forbidden
from appliance.http.console import (
    assistants,
    audit,
    dashboard,
    deletion,
    drafts,
    egress,
    groups,
    models,
    person,
    policies,
    queue,
    retention,
    system,
    usage,
    users,
)
from appliance.http.console.shell import Console
from appliance.http.deps import Person
from appliance.http.services import Services
from appliance.http.view import View

PAGES = (
    dashboard,
    users,
    groups,
    assistants,
    policies,
    retention,
    models,
    queue,
    usage,
    audit,
    egress,
    system,
)
STREAMED = frozenset({models.UPLOAD})


def router(services: Services, view: View) -> APIRouter:
    """Every page of the console, and /console itself: the first page this person may see."""
    console = Console(services, view, tuple(page.SECTION for page in PAGES))
    routes = APIRouter()

    @routes.get("/console")
    def start(person: Person) -> RedirectResponse:
        sections = console.sections_for(person)
        if not sections:
            raise Forbidden(N_("The console is for administrators and auditors."))
        return RedirectResponse(sections[0].path, 303)

    for page in PAGES:
        routes.include_router(page.router(console))
    routes.include_router(person.router(console))
    routes.include_router(drafts.router(console))
    routes.include_router(deletion.router(console))
    return routes
