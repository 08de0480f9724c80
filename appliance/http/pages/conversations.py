"""Renaming and deleting a conversation: pages of their own, which the script shows as dialogs."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.errors import NaesilError
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of, wants_json
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get("/chat/{conversation_id}/rename")
    def ask_name(conversation_id: str, request: Request, person: Person) -> Response:
        conversation = services.chat.open(person, conversation_id)
        return view.page(
            request, "pages/rename.html", conversation=conversation, title=conversation.title, error=""
        )

    @routes.post("/chat/{conversation_id}/rename")
    def rename(
        conversation_id: str, request: Request, person: Person, form: Submitted, words: Words
    ) -> Response:
        try:
            services.chat.rename(person, conversation_id, form["title"])
        except NaesilError as error:
            if wants_json(request) or error.field is None:
                raise
            return view.page(
                request, "pages/rename.html", status_of(error),
                conversation=services.chat.open(person, conversation_id),
                title=form["title"],
                error=error.text(words),
            )  # fmt: skip
        return RedirectResponse(f"/chat/{conversation_id}", 303)

    @routes.get("/chat/{conversation_id}/delete")
    def ask_delete(conversation_id: str, request: Request, person: Person) -> Response:
        conversation = services.chat.open(person, conversation_id)
        return view.page(request, "pages/delete.html", conversation=conversation)

    @routes.post("/chat/{conversation_id}/delete")
    async def delete(conversation_id: str, person: Person, _form: Submitted) -> Response:
        await services.chat.delete(person, conversation_id)
        return RedirectResponse("/chat", 303)

    return routes
