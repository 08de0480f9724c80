"""The chat page, and sending and stopping on it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from appliance.chat.assistants import Assistant
from appliance.chat.export import FORMS
from appliance.chat.makers import SETTINGS
from appliance.chat.values import UNDECIDED, Attached, Choice, Conversation, Sent, Wish
from appliance.core import DataClass, Permission, Principal, highest
from appliance.errors import N_, InvalidInput, NaesilError, NotFound, PolicyViolation, ReasonNeeded
from appliance.http import phrases
from appliance.http.console.shell import entrance
from appliance.http.deps import Person, Submitted
from appliance.http.errors import status_of, wants_json
from appliance.http.forms import Form, data_class
from appliance.http.pages.restoring import restorer
from appliance.http.pages.transcript import listed, pieces, shown
from appliance.http.services import Services
from appliance.http.view import SEOUL, View
from appliance.i18n import Translator
from appliance.ids import new_id

# What a file dialog offers first; what counts is what a file is.
ENDINGS = (
    ".pdf,.docx,.xlsx,.pptx,.hwpx,.hwp,text/*,.txt,.md,.csv,.tsv,.log,.json,.xml,.yaml,.yml,.toml,.ini,.html,"
    ".css,.py,.js,.ts,.java,.kt,.c,.h,.cpp,.cs,.go,.rs,.rb,.php,.sh,.sql,.r"
)
_NOT_ATTACHED = N_("A file was chosen, but not attached yet. Choose it again, attach it, then send.")


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    desk = Desk(services, view)

    @routes.get("/chat")
    def new(request: Request, person: Person, deleted: str = "", assistant: str = "") -> Response:
        return desk.page(request, person, None, deleted=deleted, maker=assistant)

    @routes.get("/chat/{conversation_id}")
    def conversation(conversation_id: str, request: Request, person: Person) -> Response:
        return desk.page(request, person, conversation_id)

    @routes.post("/chat/messages")
    async def send_first(request: Request, person: Person, form: Submitted) -> Response:
        return await desk.send(request, person, None, form)

    @routes.post("/chat/{conversation_id}/messages")
    async def send(conversation_id: str, request: Request, person: Person, form: Submitted) -> Response:
        """A new question, or with `instead_of` an old one in other words."""
        return await desk.send(request, person, conversation_id, form)

    @routes.post("/chat/{conversation_id}/again")
    async def again(conversation_id: str, request: Request, person: Person, form: Submitted) -> Response:
        """Another answer beside the one in `instead_of`."""
        return await desk.send(request, person, conversation_id, form, again=True)

    @routes.post("/chat/{conversation_id}/show")
    def show(conversation_id: str, person: Person, form: Submitted) -> Response:
        services.chat.show(person, conversation_id, form["message"])
        return RedirectResponse(f"/chat/{conversation_id}#m-{quote(form['message'])}", 303)

    @routes.get("/chat/{conversation_id}/messages/{message_id}/edit")
    def edit(conversation_id: str, message_id: str, request: Request, person: Person) -> Response:
        conversation = services.library.open(person, conversation_id)
        found = [one for one in conversation.messages if one.id == message_id and one.role == "user"]
        if not found:
            raise NotFound(N_("There is no such message."))
        words = view.words(request)
        files = [(one, phrases.attached(one, words)) for one in found[0].attachments]
        return view.page(
            request, "pages/edit.html",
            conversation=conversation, message=found[0], files=files, client_id=new_id(),
        )  # fmt: skip

    @routes.post("/chat/{conversation_id}/stop")
    async def stop(conversation_id: str, request: Request, person: Person, _form: Submitted) -> Response:
        await services.chat.stop(person, conversation_id)
        return Response(status_code=204) if wants_json(request) else _to(conversation_id)

    return routes


class Desk:
    """What the routes of the chat page share."""

    def __init__(self, services: Services, view: View) -> None:
        self._services = services
        self._view = view

    def page(
        self, request: Request, person: Principal, conversation_id: str | None,
        status: int = 200, *, draft: str = "", error: str = "", deleted: str = "",
        held: PolicyViolation | ReasonNeeded | None = None, chosen: DataClass = DataClass.OPEN,
        maker: str = "",
    ) -> Response:  # fmt: skip
        """The page around one conversation, or around a new one."""
        services = self._services
        words = self._view.words(request)
        policy = services.gate.policy
        today = services.clock.now().astimezone(SEOUL).date()
        conversation = None if conversation_id is None else services.library.open(person, conversation_id)
        lowest = conversation.data_class if conversation else policy.class_for(person)
        values: dict[str, Any] = {
            "account": services.accounts.get(person.user_id),
            "listed": listed(services.library.list(person), services.clock.now(), words),
            "conversation": conversation,
            "messages": shown(conversation.messages, words, restorer(services, person, conversation))
            if conversation
            else [],
            "notices": policy.parts.notices,
            "auditing": policy.parts.audit,
            "banners": [one for one in policy.parts.notices.banners if one.shown_to(person, today)],
            "kept_until": self._kept_until(person, conversation),
            "kept_days": self._kept_days(person, lowest),
            "context": self._context(conversation, words),
            "data_class": highest(lowest, chosen),
            "classes": phrases.classes(lowest, words),
            "assistant": self._assistant(person, conversation.maker if conversation else maker),
            "may_temporary": services.gate.may(person, Permission.TEMPORARY_USE),
            "running": conversation.running if conversation else None,
            "model": services.inference.model,
            "console": entrance(services, person),
            "deleted": deleted,
            "forms": tuple(FORMS),
            "attached": self._attached(person, conversation_id, words),
            "file_limits": services.attachments.limits(person),
            "file_endings": ENDINGS,
        }
        spans = held.spans if held else ()
        return self._view.page(
            request, "pages/chat.html", status,
            **values,
            client_id=new_id(),
            draft=draft,
            error=error,
            offers=held.offers if held else (),
            held=pieces(draft, [span for span in spans if span[0] >= 0]) if held else (),
            held_in_files=phrases.in_files(sum(1 for span in spans if span[0] < 0), words),
        )  # fmt: skip

    def _assistant(self, person: Principal, maker: str) -> Assistant | None:
        """Who answers here, if it is an assistant that this person may use."""
        if not maker or maker in SETTINGS:
            return None
        try:
            return self._services.assistants.get(person, maker)
        except NotFound:
            return None

    def _attached(
        self, person: Principal, conversation_id: str | None, words: Translator
    ) -> list[tuple[Attached, str]]:
        """What is attached here and not sent yet, each with its extent in words."""
        files = self._services.attachments.waiting(person, conversation_id)
        return [(one, phrases.attached(one, words)) for one in files]

    def _told(self, request: Request, person: Principal, sent: Sent) -> dict[str, Any]:
        """For our script: what happened to a question just sent, its files and what was found in it."""
        words = self._view.words(request)
        messages = self._services.library.open(person, sent.conversation_id).messages
        found = next((one for one in messages if one.id == sent.user_message_id), None)
        files = found.attachments if found else ()
        return {
            "masked": "; ".join(phrases.screened(found.screened if found else (), words)),
            "files": [{"name": one.name, "detail": phrases.attached(one, words)} for one in files],
        }

    def _kept_until(self, person: Principal, conversation: Conversation | None) -> datetime | None:
        """When the conversation will be destroyed if nobody uses it again; None when never."""
        if conversation is None or conversation.updated_at is None:
            return None
        rule = self._services.retention.rule_of(person.groups, conversation.data_class)
        return None if rule is None else conversation.updated_at + timedelta(days=rule.days)

    def _kept_days(self, person: Principal, data_class: DataClass) -> int:
        """For how many days a conversation of this class is kept after its last use; 0 when for ever."""
        rule = self._services.retention.rule_of(person.groups, data_class)
        return 0 if rule is None else rule.days

    def _context(self, conversation: Conversation | None, words: Translator) -> dict[str, object]:
        """How much of what the model can read at once the newest answer took, as it was counted."""
        model = self._services.inference.model
        limit = model.n_ctx if model else 0
        answers = [one for one in conversation.messages if one.prompt_tokens] if conversation else []
        used = answers[-1].prompt_tokens + answers[-1].completion_tokens if answers else 0
        return {"used": used, "limit": limit, "text": phrases.context(used, limit, words)}

    async def send(
        self, request: Request, person: Principal, conversation_id: str | None, form: Form,
        *, again: bool = False,
    ) -> Response:  # fmt: skip
        """Send a message: JSON for our script, a redirect for a plain form; a refusal keeps the text."""
        text = form["text"]
        wish = Wish(
            conversation_id=conversation_id,
            client_id=form["client_id"],
            request_id=new_id(),
            text="" if again else text,
            instead_of=form["instead_of"] if conversation_id else "",
            again=again,
            choice=chosen_way(form),
            data_class=data_class(form["data_class"] or DataClass.OPEN),
            maker=form["maker"] if conversation_id is None else "",
            attachments=tuple(one for one in form["attachments"].split(",") if one) if not again else (),
        )
        try:
            if form["file"]:  # a plain form's file field, which only the other button sends
                raise InvalidInput(_NOT_ATTACHED, field="file")
            sent = await self._services.chat.send(person, wish)
        except NaesilError as error:
            if wants_json(request):
                raise
            said = error.text(self._view.words(request))
            return await asyncio.to_thread(
                self.page, request, person, conversation_id, status_of(error),
                draft=text, error=said,
                held=error if isinstance(error, (PolicyViolation, ReasonNeeded)) else None,
                chosen=wish.data_class, maker=wish.maker,
            )  # fmt: skip
        if wants_json(request):
            return JSONResponse(
                {
                    "conversation": sent.conversation_id,
                    "answer": sent.answer_id,
                    "user_message": sent.user_message_id,
                }
                | await asyncio.to_thread(self._told, request, person, sent)
            )
        return _to(sent.conversation_id)


def chosen_way(form: Form) -> Choice:
    """How the person goes on with what a rule held back."""
    if form["choice"] == "as_is":
        return Choice("as_is", form["stated_reason"])
    return Choice("masked") if form["choice"] == "masked" else UNDECIDED


def _to(conversation_id: str) -> Response:
    return RedirectResponse(f"/chat/{conversation_id}", 303)
