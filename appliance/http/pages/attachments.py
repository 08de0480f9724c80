"""Attaching files on the chat page, and taking them away again, with our script or as a plain form."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from appliance.chat.attachments import Attachments
from appliance.chat.values import Attached
from appliance.core import Principal
from appliance.errors import NaesilError
from appliance.http import phrases
from appliance.http.attaching import FORM_BYTES, Intake, TakenFile
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of, wants_json
from appliance.http.pages.chat import Desk
from appliance.http.services import Services
from appliance.http.view import View
from appliance.i18n import Translator

ADD = "/chat/attachments"


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    tray = _Tray(services.attachments, Desk(services, view), Intake())

    @routes.post(ADD)
    async def add(request: Request, person: Person, words: Words) -> Response:
        """Files for the next question in `conversation`, or without one in a new conversation."""
        return await tray.add(request, person, words)

    @routes.post(f"{ADD}/{{attachment_id}}/remove")
    def remove(attachment_id: str, request: Request, person: Person, form: Submitted) -> Response:
        conversation = services.attachments.remove(person, attachment_id)
        if wants_json(request):
            return Response(status_code=204)
        if form["text"]:
            return tray.desk.page(request, person, conversation, draft=form["text"], maker=form["maker"])
        return RedirectResponse(f"/chat/{conversation}" if conversation else "/chat", 303)

    return routes


@dataclass(frozen=True, slots=True)
class _Tray:
    attachments: Attachments
    desk: Desk
    intake: Intake

    async def add(self, request: Request, person: Principal, words: Translator) -> Response:
        limit, most = self.attachments.limits(person)
        most = max(1, most)  # where none is allowed the first one is told so
        await self._refuse_early(request, person, limit if wants_json(request) else limit * most)
        taking = _Taking(self.attachments, person)
        fields = await self.intake.receive(request, person.user_id, limit, most, taking.take)
        if wants_json(request):
            if taking.problems:
                raise taking.problems[0]
            said = [
                {"id": one.id, "name": one.name, "detail": phrases.attached(one, words)}
                for one in taking.made
            ]
            return JSONResponse({"attachments": said})
        return await asyncio.to_thread(self._page, request, person, words, fields, taking.problems)

    def _page(
        self, request: Request, person: Principal, words: Translator, fields: Mapping[str, str],
        problems: list[NaesilError],
    ) -> Response:  # fmt: skip
        """The chat page again, with what was typed in it."""
        return self.desk.page(
            request, person, fields.get("conversation") or None,
            status_of(problems[0]) if problems else 200,
            draft=fields.get("text", ""),
            error=" ".join(error.text(words) for error in problems),
            maker=fields.get("maker", ""),
        )  # fmt: skip

    async def _refuse_early(self, request: Request, person: Principal, most: int) -> None:
        """What is declared to be too large is not read at all."""
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most + FORM_BYTES:
            raise await asyncio.to_thread(self.attachments.too_large, person, "file")


@dataclass(frozen=True, slots=True)
class _Taking:
    """What came of the files of one form: each that could be read, and why the others could not."""

    attachments: Attachments
    person: Principal
    made: list[Attached] = field(default_factory=list)
    problems: list[NaesilError] = field(default_factory=list)

    async def take(self, fields: Mapping[str, str], file: TakenFile) -> None:
        try:
            self.made.append(await self._add(fields.get("conversation") or None, file))
        except NaesilError as error:
            self.problems.append(error)

    async def _add(self, conversation: str | None, file: TakenFile) -> Attached:
        await asyncio.to_thread(self.attachments.check_room, self.person, conversation)
        if file.too_large:
            raise await asyncio.to_thread(self.attachments.too_large, self.person, file.name)
        return await self.attachments.add(self.person, conversation, file.name, file.data)
