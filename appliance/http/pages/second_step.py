"""The second step of signing in: the code of the second factor, or a passkey instead of both."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from appliance.errors import N_, InvalidInput, NaesilError, NotSignedIn
from appliance.http.cookies import SESSION, SESSION_S, VISITOR, Cookies
from appliance.http.deps import Known, Origin, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.forms import Form
from appliance.http.links import local_path
from appliance.http.pauses import with_pause
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()
    door, passkeys = services.identity.door, services.identity.passkeys

    @routes.get("/sign-in/code")
    def ask_code(request: Request, found: Known, next: str = "/chat") -> Response:  # noqa: A002 - the field's name in the address
        if found is None or not found.pending:
            return RedirectResponse(local_path(next) if found else "/sign-in", 303)
        return view.page(request, "pages/code.html", error="", next=local_path(next))

    @routes.post("/sign-in/code")
    def give_code(request: Request, form: Submitted, words: Words, origin: Origin) -> Response:
        target = local_path(form["next"])
        try:
            opened = door.second_step(jar.read(request, SESSION), form["code"], origin)
        except NotSignedIn:
            raise NotSignedIn(N_("This sign-in took too long. Start again.")) from None
        except NaesilError as error:
            page = view.page(
                request, "pages/code.html", status_of(error), error=error.text(words), next=target
            )
            return with_pause(page, error)
        response = RedirectResponse(target, 303)
        jar.keep(response, SESSION, opened.token, max_age=SESSION_S)
        return response

    @routes.post("/sign-in/passkey/options")
    def passkey_options(request: Request, _form: Submitted) -> Response:
        browser = jar.read(request, VISITOR) or jar.read(request, SESSION)
        return JSONResponse(passkeys.begin_signing_in(browser, page_origin(request)))

    @routes.post("/sign-in/passkey")
    def passkey(request: Request, form: Submitted, origin: Origin) -> Response:
        browser = jar.read(request, VISITOR) or jar.read(request, SESSION)
        account = passkeys.owner(credential(form), browser, page_origin(request))
        response = JSONResponse({"next": local_path(form["next"])})
        jar.keep(response, SESSION, door.open_for(account, origin), max_age=SESSION_S)
        return response

    return routes


def page_origin(request: Request) -> str:
    """Scheme, host and port by which the browser reached this page."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def credential(form: Form) -> dict[str, Any]:
    """The PublicKeyCredential that our script put into the form as JSON."""
    try:
        value = json.loads(form["credential"])
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(N_("The device's answer cannot be used. Start again."))
    return value
