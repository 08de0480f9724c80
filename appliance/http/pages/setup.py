"""The one-time set-up page. Once an administrator exists, it does not."""

import hashlib
import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.errors import N_, NaesilError, NotFound
from appliance.http.cookies import SESSION, SESSION_S, Cookies
from appliance.http.deps import Origin, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.pages.security import check_repeated
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()

    def open_door(token: str) -> None:
        """NotFound unless this is the address that `serve` printed and nobody has used it."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        expected = services.setup_token_sha256
        if expected is None or not hmac.compare_digest(digest, expected):
            raise NotFound(N_("There is no such page."))
        if services.accounts.any_administrator():
            raise NotFound(N_("There is no such page."))

    door = Annotated[None, Depends(open_door)]

    @routes.get("/setup/{token}")
    def ask(request: Request, _open: door) -> Response:
        return view.page(request, "pages/setup.html", name="", error="", field="")

    @routes.post("/setup/{token}")
    def create(request: Request, _open: door, form: Submitted, words: Words, origin: Origin) -> Response:
        try:
            check_repeated(form)
            account = services.accounts.create_first_administrator(origin, form["name"], form["password"])
        except NaesilError as error:
            return view.page(
                request, "pages/setup.html", status_of(error),
                name=form["name"], error=error.text(words), field=error.field or "",
            )  # fmt: skip
        response = RedirectResponse("/chat", 303)
        jar.keep(response, SESSION, services.identity.door.open_for(account, origin), max_age=SESSION_S)
        return response

    return routes
