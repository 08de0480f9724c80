"""Temporary chats on pages: plain forms, and a script that shows the answer as it grows."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.chat.values import Conversation
from appliance.core import DataClass, Permission, Principal
from appliance.errors import N_, NaesilError, NotFound, PolicyViolation, ReasonNeeded
from appliance.http import phrases
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.forms import Form, data_class
from appliance.http.pages.answers import encoded
from appliance.http.pages.chat import chosen_way
from appliance.http.pages.restoring import restorer
from appliance.http.pages.transcript import shown
from appliance.http.services import Services
from appliance.http.sse import EventStream
from appliance.http.view import View

HERE = "/temporary"
Person = Annotated[Principal, Depends(needs(Permission.TEMPORARY_USE))]


class _Desk:
    """What the routes of this page share."""

    def __init__(self, services: Services, view: View) -> None:
        self._services = services
        self._view = view

    def page(
        self,        request: Request, person: Principal, talk_id: str, words: Words, status: int = 200, *,
        draft: str = "", error: str = "", held: PolicyViolation | ReasonNeeded | None = None,
    ) -> Response:  # fmt: skip
        talk = self._services.temporary.open(person, talk_id) if talk_id else Conversation("", "", ())
        policy = self._services.gate.policy
        return self._view.page(
            request, "pages/temporary.html", status,
            talk=talk,
            messages=shown(talk.messages, words, restorer(self._services, person, talk)),
            running=talk.running,
            notices=policy.parts.notices,
            auditing=policy.parts.audit,
            classes=phrases.classes(policy.class_for(person), words),
            draft=draft, error=error, offers=held.offers if held else (),
        )  # fmt: skip

    async def send(
        self, request: Request, person: Principal, talk_id: str, form: Form, words: Words
    ) -> Response:
        try:
            talk_id = await self._services.temporary.send(
                person, talk_id or None, form["text"], chosen_way(form),
                data_class(form["data_class"] or DataClass.OPEN),
            )  # fmt: skip
        except NotFound:
            raise
        except NaesilError as error:
            held = error if isinstance(error, (PolicyViolation, ReasonNeeded)) else None
            return self.page(
                request, person, talk_id, words, status_of(error),
                draft=form["text"], error=error.text(words), held=held,
            )  # fmt: skip
        return RedirectResponse(f"{HERE}/{talk_id}#text", 303)


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    shared = _Desk(services, view)
    temporary = services.temporary

    @routes.get(HERE)
    async def new(request: Request, person: Person, words: Words) -> Response:
        return shared.page(request, person, "", words)

    @routes.get(HERE + "/{talk_id}")
    async def show(talk_id: str, request: Request, person: Person, words: Words) -> Response:
        return shared.page(request, person, talk_id, words)

    @routes.post(HERE + "/messages")
    async def send_first(request: Request, person: Person, form: Submitted, words: Words) -> Response:
        return await shared.send(request, person, "", form, words)

    @routes.post(HERE + "/{talk_id}/messages")
    async def send_next(
        talk_id: str, request: Request, person: Person, form: Submitted, words: Words
    ) -> Response:
        return await shared.send(request, person, talk_id, form, words)

    @routes.post(HERE + "/{talk_id}/stop")
    async def stop(talk_id: str, person: Person, _form: Submitted) -> Response:
        await temporary.stop(person, talk_id)
        return RedirectResponse(f"{HERE}/{talk_id}", 303)

    @routes.post(HERE + "/{talk_id}/end")
    async def end(talk_id: str, person: Person, _form: Submitted) -> Response:
        await temporary.end(person, talk_id)
        return RedirectResponse("/chat", 303)

    @routes.get(HERE + "/{talk_id}/answers/{answer_id}")
    async def follow(talk_id: str, answer_id: str, person: Person, words: Words) -> Response:
        talk = temporary.open(person, talk_id)
        if answer_id not in {one.id for one in talk.messages if one.role == "assistant"}:
            raise NotFound(N_("There is no such answer."))
        events = temporary.events(person, talk_id, answer_id)
        back = await asyncio.to_thread(restorer, services, person, talk)
        return EventStream(encoded(events, words, back))

    return routes
