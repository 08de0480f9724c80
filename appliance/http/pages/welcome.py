"""The page behind an invitation or reset link: its holder chooses a password and is in."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.errors import NaesilError
from appliance.http.cookies import SESSION, SESSION_S, Cookies
from appliance.http.deps import Origin, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.pages.security import check_repeated
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()
    links, door = services.identity.links, services.identity.door

    @routes.get("/welcome/{token}")
    def ask(token: str, request: Request) -> Response:
        account = links.holder(token)
        return view.page(request, "pages/welcome.html", name=account.name, error="", field="")

    @routes.post("/welcome/{token}")
    def choose(token: str, request: Request, form: Submitted, words: Words, origin: Origin) -> Response:
        try:
            check_repeated(form)
            account = links.use(token, form["password"], origin)
        except NaesilError as error:
            if error.field is None:
                raise
            return view.page(
                request, "pages/welcome.html", status_of(error),
                name=links.holder(token).name, error=error.text(words), field=error.field,
            )  # fmt: skip
        opened = door.authenticate(account.name, form["password"], origin)
        response = RedirectResponse("/sign-in/code?next=/chat" if opened.pending else "/chat", 303)
        jar.keep(response, SESSION, opened.token, max_age=SESSION_S)
        return response

    return routes
