"""Models: which there are, which one serves; bring one in, let it take over, let one go."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.core import Permission, Principal
from appliance.errors import N_, ConfigError, InvalidInput, NaesilError
from appliance.http import uploads
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.inference.models import Models, Wish

SECTION = Section("/console/models", N_("Models"), "chip", Permission.MODEL_READ)
BAD_REQUEST = 400
UPLOAD = "/console/models/upload"

Reader = Annotated[Principal, Depends(needs(Permission.MODEL_READ))]
Manager = Annotated[Principal, Depends(needs(Permission.MODEL_MANAGE))]


Action = Callable[[], object]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    models = console.services.models

    def page(request: Request, person: Principal, status: int = 200, *, error: str = "") -> Response:
        shelf = models.shelf()
        return console.page(
            request, person, "models.html", status,
            shelf=shelf,
            serving=console.services.inference.model,
            incoming=models.incoming(),
            may_manage=console.may(person, Permission.MODEL_MANAGE),
            error=error,
        )  # fmt: skip

    def act(request: Request, person: Principal, words: Words, action: Action) -> Response:
        try:
            action()
        except NaesilError as error:
            return page(request, person, _status(error), error=error.text(words))
        return page(request, person)

    @routes.get(SECTION.path)
    def look(request: Request, person: Reader) -> Response:
        return page(request, person)

    @routes.post("/console/models/use")
    async def use(request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        return await asyncio.to_thread(act, request, person, words, lambda: models.use(person, form["name"]))

    @routes.post("/console/models/remove")
    async def remove(request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        serving = console.services.inference.model
        running = "" if serving is None else serving.model_name
        return await asyncio.to_thread(
            act, request, person, words, lambda: models.remove(person, form["name"], running)
        )

    @routes.post("/console/models/import")
    async def take_in(request: Request, person: Manager, form: Submitted, words: Words) -> Response:
        wish = Wish(form["name"].strip(), bool(form["accept"]), form["base"])
        return await asyncio.to_thread(
            act, request, person, words, lambda: models.import_incoming(person, form["file"], wish)
        )

    @routes.post(UPLOAD)
    async def upload(request: Request, person: Manager, words: Words) -> Response:
        try:
            await _take_upload(request, person, models)
        except NaesilError as error:
            told = error.text(words)
            return await asyncio.to_thread(page, request, person, _status(error), error=told)
        return await asyncio.to_thread(page, request, person)

    return routes


def _status(error: NaesilError) -> int:
    """What is wrong with a model's file or licence is for the person to mend, not ours."""
    return BAD_REQUEST if isinstance(error, ConfigError) else status_of(error)


async def _take_upload(request: Request, person: Principal, models: Models) -> None:
    """The file in the form, streamed to the disk; then as any other import."""
    async with uploads.receive(request, models.upload_folder()) as sent:
        if sent.path is None or not sent.file_name:
            raise InvalidInput(N_("Choose a file first."), field="file")
        fields = sent.fields
        wish = Wish(fields.get("name", "").strip(), bool(fields.get("accept")), fields.get("base", ""))
        await asyncio.to_thread(models.import_file, person, sent.path, wish, file_name=sent.file_name)
