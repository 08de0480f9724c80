"""Groups: made, filled and ended by hand; what a group means is in the policies."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.audit.actions import AuditAction
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of

SECTION = Section("/console/groups", N_("Groups"), "queue", Permission.GROUP_MANAGE)
HERE = SECTION.path + "/{name:path}"  # a name may have a slash in it

Manager = Annotated[Principal, Depends(needs(Permission.GROUP_MANAGE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    groups, accounts = console.services.identity.groups, console.services.identity.accounts

    def page(
        request: Request, person: Principal, status: int = 200, *, error: str = "", name: str = ""
    ) -> Response:
        console.services.oversight.reads.record(person, AuditAction.USERS_READ, "groups")
        return console.page(
            request, person, "groups.html", status,
            groups=[(group, groups.members(group.name)) for group in groups.list()],
            error=error,
            name=name,
        )  # fmt: skip

    @routes.get(SECTION.path)
    def show(request: Request, person: Manager) -> Response:
        return page(request, person)

    @routes.post("/console/groups")
    def create(request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        try:
            groups.create(person, form["name"])
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words), name=form["name"])
        return RedirectResponse(SECTION.path, 303)

    @routes.post(HERE + "/join")
    def join(name: str, request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        try:
            groups.join(person, name, accounts.find(form["user"]).id)
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return RedirectResponse(SECTION.path, 303)

    @routes.post(HERE + "/leave")
    def leave(name: str, person: Manager, form: Submitted) -> Response:
        groups.leave(person, name, form["user_id"])
        return RedirectResponse(SECTION.path, 303)

    @routes.post(HERE + "/delete")
    def delete(name: str, request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        """End the group whose name was typed: with it go the limits and rules that its people had."""
        if form["name"].strip() != name:
            error = InvalidInput(N_("Type the name exactly as it is shown to confirm."), field="name")
            return page(request, person, status_of(error), error=error.text(words))
        groups.delete(person, name)
        return RedirectResponse(SECTION.path, 303)

    return routes
