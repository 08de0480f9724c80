"""Signing in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.errors import LimitReached, NaesilError
from appliance.http.cookies import SESSION, SESSION_S, Cookies
from appliance.http.deps import Origin, Submitted, Visitor, Words
from appliance.http.errors import status_of
from appliance.http.links import local_path
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()

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
            _, token = services.sessions.sign_in(form["name"], form["password"], origin)
        except NaesilError as error:
            page = view.page(
                request, "pages/sign_in.html", status_of(error),
                name=form["name"], error=error.text(words), next=target, set_up=True,
            )  # fmt: skip
            if isinstance(error, LimitReached):
                page.headers["Retry-After"] = str(error.retry_after)
            return page
        response = RedirectResponse(target, 303)
        jar.keep(response, SESSION, token, max_age=SESSION_S)
        return response

    @routes.post("/sign-out")
    def sign_out(_form: Submitted, visitor: Visitor) -> Response:
        if visitor is not None:
            services.sessions.sign_out(visitor)
        response = RedirectResponse("/sign-in", 303)
        jar.forget(response, SESSION)
        response.headers["Clear-Site-Data"] = '"storage"'  # drafts; nothing of ours is in the HTTP cache
        return response

    return routes
