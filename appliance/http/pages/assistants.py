"""Assistants as people see them: those shared with them, and making and changing their own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.chat.assistants import Assistant, AssistantDraft
from appliance.core import Permission, Principal
from appliance.errors import N_, NaesilError, NotFound
from appliance.http.assistant_form import EMPTY, choices, read
from appliance.http.deps import Person, Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.forms import Form
from appliance.http.services import Services
from appliance.http.view import View

HERE = "/assistants"
Maker = Annotated[Principal, Depends(needs(Permission.ASSISTANT_OWN))]


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    assistants = services.assistants

    def form_page(
        request: Request, words: Words, made_of: AssistantDraft, action: str, status: int = 200,
        error: str = "",
    ) -> Response:  # fmt: skip
        return view.page(
            request, "pages/assistant.html", status,
            made_of=made_of, action=action, error=error, house=False, **choices(services, words),
        )  # fmt: skip

    @routes.get(HERE)
    def listed(request: Request, person: Person, words: Words) -> Response:
        return view.page(
            request, "pages/assistants.html",
            assistants=assistants.visible(person),
            may_make=services.gate.may(person, Permission.ASSISTANT_OWN),
            made_of=EMPTY, action=HERE, error="", house=False, **choices(services, words),
        )  # fmt: skip

    @routes.get(HERE + "/{assistant_id}")
    def edit(assistant_id: str, request: Request, person: Person, words: Words) -> Response:
        return form_page(
            request, words, _own(services, person, assistant_id).made_of, f"{HERE}/{assistant_id}"
        )

    def save(
        request: Request, person: Principal, form: Form, words: Words, assistant_id: str = ""
    ) -> Response:
        made_of = read(form)
        try:
            assistants.save(person, made_of, house=False, assistant_id=assistant_id)
        except NaesilError as error:
            if error.field is None:
                raise
            action = f"{HERE}/{assistant_id}" if assistant_id else HERE
            return form_page(request, words, made_of, action, status_of(error), error.text(words))
        return RedirectResponse(HERE, 303)

    @routes.post(HERE)
    def create(request: Request, person: Maker, form: Submitted, words: Words) -> Response:
        return save(request, person, form, words)

    @routes.post(HERE + "/{assistant_id}")
    def change(assistant_id: str, request: Request, person: Maker, form: Submitted, words: Words) -> Response:
        return save(request, person, form, words, assistant_id)

    @routes.post(HERE + "/{assistant_id}/remove")
    def remove(assistant_id: str, person: Maker, _form: Submitted) -> Response:
        assistants.remove(person, assistant_id, house=False)
        return RedirectResponse(HERE, 303)

    return routes


def _own(services: Services, person: Principal, assistant_id: str) -> Assistant:
    found = services.assistants.get(person, assistant_id)
    if found.public:
        raise NotFound(N_("Only administrators change this assistant."))
    return found
