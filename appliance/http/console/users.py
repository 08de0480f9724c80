"""People: who is here, inviting one or many, and what waits for a second person."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.audit.actions import AuditAction
from appliance.core import Permission, Principal
from appliance.errors import N_, NaesilError
from appliance.http import roles
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Confirmed, Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.names import Names
from appliance.identity.links import Link

SECTION = Section("/console/users", N_("Users"), "people", Permission.USER_MANAGE)

Manager = Annotated[Principal, Depends(needs(Permission.USER_MANAGE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services, identity = console.services, console.services.identity

    def page(
        request: Request, person: Principal, words: Words, status: int = 200, *,
        links: tuple[Link, ...] = (), error: str = "", name: str = "", csv: str = "",
    ) -> Response:  # fmt: skip
        services.oversight.reads.record(person, AuditAction.USERS_READ, "users")
        return console.page(
            request, person, "users.html", status,
            accounts=identity.accounts.list(),
            role_titles=roles.titles(services.gate.policy, words),
            requests=identity.roles.requests(),
            names=Names(identity.accounts, words),
            me=person.user_id,
            links=links, error=error, name=name, csv=csv,
        )  # fmt: skip

    @routes.get(SECTION.path)
    def users(request: Request, person: Manager, words: Words) -> Response:
        return page(request, person, words)

    @routes.post("/console/users/invite")
    def invite(
        request: Request, person: Manager, _fresh: Confirmed, form: Submitted, words: Words
    ) -> Response:
        wanted = roles.chosen(form, services.gate.policy)
        try:
            link = identity.links.invite(person, form["name"], wanted)
        except NaesilError as error:
            return page(request, person, words, status_of(error), error=error.text(words), name=form["name"])
        return page(request, person, words, 201, links=(link,))

    @routes.post("/console/users/import")
    async def bring_in(
        request: Request, person: Manager, _fresh: Confirmed, form: Submitted, words: Words
    ) -> Response:
        try:
            links = await asyncio.to_thread(
                identity.importing.bring_in, person, form["csv"].encode("utf-8", "replace")
            )
        except NaesilError as error:
            said = error.text(words)
            return await asyncio.to_thread(
                page, request, person, words, status_of(error), error=said, csv=form["csv"]
            )
        return await asyncio.to_thread(page, request, person, words, 201, links=tuple(links))

    @routes.post("/console/users/requests/{request_id}/agree")
    def agree(request_id: str, person: Manager, _fresh: Confirmed, _form: Submitted) -> Response:
        identity.roles.agree(person, request_id)
        return RedirectResponse(SECTION.path, 303)

    @routes.post("/console/users/requests/{request_id}/decline")
    def decline(request_id: str, person: Manager, _form: Submitted) -> Response:
        identity.roles.decline(person, request_id)
        return RedirectResponse(SECTION.path, 303)

    return routes
