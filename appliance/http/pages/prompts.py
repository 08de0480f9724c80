"""The prompt library: find, fill in, put into the message field, keep, share with a group."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.core import Permission, Principal
from appliance.errors import NaesilError
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.forms import Form
from appliance.http.pages.chat import Desk
from appliance.http.services import Services
from appliance.http.view import View

HERE = "/prompts"


class _Desk:
    """What the routes of this page share."""

    def __init__(self, services: Services, view: View) -> None:
        self._services = services
        self._view = view

    def page(
        self,        request: Request, person: Principal, status: int = 200, *,
        words: str = "", conversation: str = "", error: str = "", name: str = "", text: str = "",
    ) -> Response:  # fmt: skip
        sharing = self._services.gate.may(person, Permission.PROMPT_SHARE)
        return self._view.page(
            request, "pages/prompts.html", status,
            prompts=self._services.prompts.list(person, words),
            groups=sorted(person.groups) if sharing else [],
            words=words, conversation=conversation, error=error, name=name, text=text,
        )  # fmt: skip

    def save(
        self, request: Request, person: Principal, form: Form, words: Words, prompt_id: str = ""
    ) -> Response:
        if form["group"]:
            self._services.gate.require(person, Permission.PROMPT_SHARE)
        try:
            self._services.prompts.save(
                person, form["name"], form["text"], group=form["group"], prompt_id=prompt_id
            )
        except NaesilError as error:
            if error.field is None:
                raise
            return self.page(
                request, person, status_of(error),
                error=error.text(words), name=form["name"], text=form["text"],
            )  # fmt: skip
        return RedirectResponse(HERE, 303)


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    shared = _Desk(services, view)
    prompts, desk = services.prompts, Desk(services, view)

    @routes.get(HERE)
    def listed(request: Request, person: Person, q: str = "", conversation: str = "") -> Response:
        return shared.page(request, person, words=q, conversation=conversation)

    @routes.post(HERE)
    def create(request: Request, person: Person, form: Submitted, words: Words) -> Response:
        return shared.save(request, person, form, words)

    @routes.get(HERE + "/{prompt_id}")
    def show(prompt_id: str, request: Request, person: Person, conversation: str = "") -> Response:
        return view.page(
            request, "pages/prompt.html",
            prompt=prompts.get(person, prompt_id),
            groups=sorted(person.groups) if services.gate.may(person, Permission.PROMPT_SHARE) else [],
            conversation=conversation,
        )  # fmt: skip

    @routes.post(HERE + "/{prompt_id}")
    def change(prompt_id: str, request: Request, person: Person, form: Submitted, words: Words) -> Response:
        prompts.get(person, prompt_id)
        return shared.save(request, person, form, words, prompt_id)

    @routes.post(HERE + "/{prompt_id}/remove")
    def remove(prompt_id: str, person: Person, _form: Submitted) -> Response:
        prompts.remove(person, prompt_id)
        return RedirectResponse(HERE, 303)

    @routes.post(HERE + "/{prompt_id}/use")
    def use(prompt_id: str, request: Request, person: Person, form: Submitted) -> Response:
        """The chat page with the filled text in its message field; nothing is sent to the model."""
        prompt = prompts.get(person, prompt_id)
        values = {name: form[f"value-{number}"] for number, name in enumerate(prompt.variables)}
        return desk.page(request, person, form["conversation"] or None, draft=prompt.filled(values))

    return routes
