"""One conversation among the others: rename, pin, archive, folder, delete and undo, export.

Each is a form that works by itself; the script shows some of them as dialogs.
"""

import asyncio
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.chat.export import FORMS, Origin, exported
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of, wants_json
from appliance.http.forms import data_class
from appliance.http.services import Services
from appliance.http.view import View

YES = {"1": True, "0": False}


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    library = services.library

    @routes.get("/chat/{conversation_id}/rename")
    def ask_name(conversation_id: str, request: Request, person: Person) -> Response:
        conversation = library.open(person, conversation_id)
        return view.page(
            request, "pages/rename.html", conversation=conversation, title=conversation.title, error=""
        )

    @routes.post("/chat/{conversation_id}/rename")
    def rename(
        conversation_id: str, request: Request, person: Person, form: Submitted, words: Words
    ) -> Response:
        try:
            library.rename(person, conversation_id, form["title"])
        except NaesilError as error:
            if wants_json(request) or error.field is None:
                raise
            return view.page(
                request, "pages/rename.html", status_of(error),
                conversation=library.open(person, conversation_id),
                title=form["title"],
                error=error.text(words),
            )  # fmt: skip
        return _to(conversation_id)

    @routes.post("/chat/{conversation_id}/organise")
    def organise(conversation_id: str, person: Person, form: Submitted) -> Response:
        library.organise(
            person, conversation_id,
            pinned=YES.get(form["pinned"]),
            archived=YES.get(form["archived"]),
            folder=form["folder"] if form["move"] else None,
        )  # fmt: skip
        return _to(conversation_id)

    @routes.post("/chat/{conversation_id}/classify")
    def classify(conversation_id: str, person: Person, form: Submitted) -> Response:
        library.classify(person, conversation_id, data_class(form["data_class"]))
        return _to(conversation_id)

    routes.include_router(_leaving(services, view))
    return routes


def _leaving(services: Services, view: View) -> APIRouter:
    """Deleting, bringing back, and taking a copy along."""
    routes = APIRouter()
    library = services.library

    @routes.get("/chat/{conversation_id}/delete")
    def ask_delete(conversation_id: str, request: Request, person: Person) -> Response:
        conversation = library.open(person, conversation_id)
        return view.page(request, "pages/delete.html", conversation=conversation)

    @routes.post("/chat/{conversation_id}/delete")
    async def delete(conversation_id: str, person: Person, _form: Submitted) -> Response:
        await services.chat.leave(person, conversation_id)
        await asyncio.to_thread(library.delete, person, conversation_id)
        return RedirectResponse(f"/chat?deleted={quote(conversation_id)}", 303)

    @routes.post("/chat/{conversation_id}/restore")
    def restore(conversation_id: str, person: Person, _form: Submitted) -> Response:
        library.bring_back(person, conversation_id)
        return _to(conversation_id)

    @routes.post("/chat/{conversation_id}/export")
    def export(conversation_id: str, person: Person, form: Submitted, words: Words) -> Response:
        conversation = library.open(person, conversation_id)
        model = services.inference.model
        origin = Origin(
            model.model_name if model else "", services.gate.policy.revision, services.clock.now()
        )
        file = exported(conversation, form["form"], origin, words)
        if file is None:
            raise InvalidInput(N_("Choose one of these forms: %(forms)s."), forms=", ".join(FORMS))
        library.record_export(person, conversation_id, form["form"])
        name = f"naesil-{conversation_id[:8]}.{file.ending}"
        return Response(
            file.text,
            media_type=f"{file.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return routes


def _to(conversation_id: str) -> Response:
    return RedirectResponse(f"/chat/{conversation_id}", 303)
