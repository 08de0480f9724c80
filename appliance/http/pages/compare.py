"""One question to two makers at the same time, side by side; the answer that is kept goes on.

One model is loaded at a time: what is compared are settings of it, and assistants on it. Who may choose
the model can have another one fetched for the second answer. The two answers are versions of one answer,
so that "keep" is turning to one of them.
"""

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from appliance.chat.makers import MODEL, STANDARD
from appliance.chat.values import Message, Sent, Wish
from appliance.core import DataClass, Permission, Principal
from appliance.errors import NaesilError, PolicyViolation, ReasonNeeded
from appliance.http import phrases
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of, wants_json
from appliance.http.forms import data_class
from appliance.http.pages.chat import chosen_way
from appliance.http.pages.restoring import restorer
from appliance.http.pages.transcript import shown
from appliance.http.services import Services
from appliance.http.view import View
from appliance.ids import new_id

HERE = "/compare"


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    def makers(person: Principal, words: Words) -> list[tuple[str, str]]:
        """(id, name) of everything that can answer."""
        named = [(one.id, one.made_of.name) for one in services.assistants.visible(person)]
        return [*phrases.settings(words), *named]

    def ask_page(
        request: Request, person: Principal, words: Words, status: int = 200, *,
        text: str = "", left: str = STANDARD, right: str = "precise", error: str = "",
        held: PolicyViolation | ReasonNeeded | None = None,
    ) -> Response:  # fmt: skip
        loaded, others = services.inference.model, services.comparing.others()
        fetches = loaded is not None and services.gate.may(person, Permission.MODEL_MANAGE)
        return view.page(
            request, "pages/compare.html", status,
            makers=makers(person, words),
            auditing=services.gate.policy.parts.audit,
            fetched=[(MODEL + name, phrases.model(name, words)) for name in others] if fetches else [],
            loaded=loaded.model_name if loaded else "",
            others=others,
            classes=phrases.classes(services.gate.policy.class_for(person), words),
            text=text, left=left, right=right, error=error, offers=held.offers if held else (),
            client_id=new_id(), second_id=new_id(),
        )  # fmt: skip

    async def ask_both(person: Principal, wish: Wish, second: Wish) -> Sent:
        if not second.maker.startswith(MODEL):
            return (await services.chat.compare(person, wish, second))[0]
        await asyncio.to_thread(services.gate.require, person, Permission.MODEL_MANAGE)
        return await services.comparing.ask(person, wish, second, second.maker.removeprefix(MODEL))

    @routes.get(HERE)
    def ask(request: Request, person: Person, words: Words) -> Response:
        return ask_page(request, person, words)

    @routes.post(HERE)
    async def send(request: Request, person: Person, form: Submitted, words: Words) -> Response:
        left, right = form["left"] or STANDARD, form["right"] or STANDARD
        wish = Wish(
            conversation_id=None, client_id=form["client_id"], request_id=new_id(), text=form["text"],
            choice=chosen_way(form), data_class=data_class(form["data_class"] or DataClass.OPEN), maker=left,
        )  # fmt: skip
        second = Wish(
            conversation_id=None, client_id=form["second_id"], request_id=new_id(), maker=right,
            choice=wish.choice,
        )  # fmt: skip
        try:
            sent = await ask_both(person, wish, second)
        except NaesilError as error:
            return await asyncio.to_thread(
                ask_page, request, person, words, status_of(error),
                text=form["text"], left=left, right=right, error=error.text(words),
                held=error if isinstance(error, (PolicyViolation, ReasonNeeded)) else None,
            )  # fmt: skip
        return RedirectResponse(f"{HERE}/{sent.conversation_id}/{sent.user_message_id}", 303)

    @routes.get(HERE + "/{conversation_id}/{message_id}")
    def side_by_side(
        conversation_id: str, message_id: str, request: Request, person: Person, words: Words
    ) -> Response:
        question, *answers = services.library.versions(person, conversation_id, message_id)
        conversation = services.library.open(person, conversation_id)
        fetched = services.comparing.fetched(question.id)
        if wants_json(request):
            return JSONResponse({"fetching": fetched is not None and fetched.error is None})
        names = dict(makers(person, words))
        printed = shown((question, *answers), words, restorer(services, person, conversation))
        return view.page(
            request, "pages/side_by_side.html",
            conversation=conversation,
            question=printed[0],
            answers=[
                (one, _name(message, names, words)) for one, message in zip(printed[1:], answers, strict=True)
            ],
            fetched=fetched,
            fetched_error=fetched.error.text(words) if fetched and fetched.error else "",
            notices=services.gate.policy.parts.notices,
        )  # fmt: skip

    return routes


def _name(answer: Message, names: dict[str, str], words: Words) -> str:
    if answer.maker.startswith(MODEL):
        return phrases.model(answer.maker.removeprefix(MODEL), words)
    return names.get(answer.maker or STANDARD, "–")
