"""The house's assistants: made, changed and removed; shared with everybody or with some groups."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.chat.assistants import Assistant, AssistantDraft, missing
from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.assistant_form import EMPTY, choices, read
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.forms import Form

SECTION = Section("/console/assistants", N_("Assistants"), "person", Permission.ASSISTANT_MANAGE)

Manager = Annotated[Principal, Depends(needs(Permission.ASSISTANT_MANAGE))]


class _Desk:
    """What the routes of this page share."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._services = console.services

    def page(
        self,        request: Request, person: Principal, words: Words, status: int = 200, *,
        made_of: AssistantDraft = EMPTY, action: str = SECTION.path, error: str = "",
    ) -> Response:  # fmt: skip
        return self._console.page(
            request, person, "assistants.html", status,
            assistants=self._services.assistants.house(),
            groups=[group.name for group in self._services.identity.groups.list()],
            made_of=made_of, action=action, error=error, house=True, **choices(self._services, words),
        )  # fmt: skip

    def save(
        self, request: Request, person: Principal, form: Form, words: Words, assistant_id: str = ""
    ) -> Response:
        made_of = read(form)
        try:
            known = {group.name for group in self._services.identity.groups.list()}
            if unknown := sorted(made_of.groups - known):
                raise InvalidInput(
                    N_("There is no group called '%(name)s'."), field="groups", name=unknown[0]
                )
            self._services.assistants.save(person, made_of, house=True, assistant_id=assistant_id)
        except NaesilError as error:
            if error.field is None:
                raise
            action = f"{SECTION.path}/{assistant_id}" if assistant_id else SECTION.path
            return self.page(
                request, person, words, status_of(error), made_of=made_of, action=action,
                error=error.text(words),
            )  # fmt: skip
        return RedirectResponse(SECTION.path, 303)


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    shared = _Desk(console)
    assistants = console.services.assistants

    @routes.get(SECTION.path)
    def show(request: Request, person: Manager, words: Words) -> Response:
        return shared.page(request, person, words)

    @routes.get("/console/assistants/{assistant_id}")
    def edit(assistant_id: str, request: Request, person: Manager, words: Words) -> Response:
        found = _found(assistants.house(), assistant_id)
        return shared.page(
            request, person, words, made_of=found.made_of, action=f"{SECTION.path}/{assistant_id}"
        )

    @routes.post("/console/assistants")
    def create(request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        return shared.save(request, person, form, words)

    @routes.post("/console/assistants/{assistant_id}")
    def change(
        assistant_id: str, request: Request, person: Manager, form: Submitted, words: Words
    ) -> Response:
        return shared.save(request, person, form, words, assistant_id)

    @routes.post("/console/assistants/{assistant_id}/remove")
    def remove(assistant_id: str, person: Manager, _form: Submitted) -> Response:
        assistants.remove(person, assistant_id, house=True)
        return RedirectResponse(SECTION.path, 303)

    return routes


def _found(assistants: list[Assistant], assistant_id: str) -> Assistant:
    for one in assistants:
        if one.id == assistant_id:
            return one
    raise missing()
