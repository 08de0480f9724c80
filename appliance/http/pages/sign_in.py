"""Signing in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.errors import NaesilError
from appliance.http.cookies import SESSION, SESSION_S, Cookies
from appliance.http.deps import Known, Origin, Submitted, Visitor, Words
from appliance.http.errors import status_of
from appliance.http.links import local_path
from appliance.http.pauses import with_pause
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()
    door = services.identity.door

    @routes.get("/")
    def start(visitor: Visitor) -> Response:
        return RedirectResponse("/chat" if visitor else "/sign-in", 303)

    @routes.get("/sign-in")
    def ask(request: Request, visitor: Visitor, next: str = "/chat") -> Response:  # noqa: A002 - the field's name in the address
        if visitor is not None:
            return RedirectResponse(local_path(next), 303)
        ready = services.accounts.any_administrator()
        return view.page(
            request, "pages/sign_in.html", name="", error="", next=local_path(next), set_up=ready
        )

    @routes.post("/sign-in")
    def sign_in(request: Request, form: Submitted, words: Words, origin: Origin) -> Response:
        target = local_path(form["next"])
        try:
            opened = door.authenticate(form["name"], form["password"], origin)
        except NaesilError as error:
            return with_pause(
                view.page(
                    request, "pages/sign_in.html", status_of(error),
                    name=form["name"], error=error.text(words), next=target, set_up=True,
                ),
                error,
            )  # fmt: skip
        response = RedirectResponse(f"/sign-in/code?next={target}" if opened.pending else target, 303)
        jar.keep(response, SESSION, opened.token, max_age=SESSION_S)
        return response

    @routes.post("/sign-out")
    def sign_out(_form: Submitted, found: Known) -> Response:
        if found is not None:
            services.sessions.sign_out(found.principal)
        response = RedirectResponse("/sign-in", 303)
        jar.forget(response, SESSION)
        response.headers["Clear-Site-Data"] = '"storage"'  # drafts; nothing of ours is in the HTTP cache
        return response

    return routes
