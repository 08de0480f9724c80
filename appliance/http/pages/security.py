"""How one gets in: password, second factor, passkeys, and where one is signed in."""

import segno
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from markupsafe import Markup

from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.cookies import SESSION, Cookies
from appliance.http.deps import Confirmed, Enrolling, Person, Settling, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.forms import Form
from appliance.http.links import local_path
from appliance.http.pages.second_step import credential, page_origin
from appliance.http.pauses import with_pause
from appliance.http.services import Services
from appliance.http.view import View

HERE = "/account/security"


def router(services: Services, view: View, jar: Cookies) -> APIRouter:
    routes = APIRouter()
    routes.include_router(_overview(services, view))
    routes.include_router(_password(services, view))
    routes.include_router(_second_factor(services, view))
    routes.include_router(_passkeys(services, jar))
    return routes


def _overview(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    identity = services.identity

    @routes.get(HERE)
    def security(request: Request, person: Person) -> Response:
        turned_on, codes_left = identity.second_factor.state(person)
        return view.page(
            request, "pages/security.html",
            second_factor=turned_on,
            codes_left=codes_left,
            passkeys=identity.passkeys.list(person.user_id),
            sessions=identity.sessions.list(person.user_id),
            this_session=person.credential_id,
        )  # fmt: skip

    @routes.post("/account/sessions/{session_id}/end")
    def end(session_id: str, person: Person, _form: Submitted) -> Response:
        identity.sessions.end(person, person.user_id, session_id)
        return RedirectResponse(f"{HERE}#sessions", 303)

    @routes.post("/account/sessions/end-others")
    def end_others(person: Person, _form: Submitted) -> Response:
        identity.sessions.end_all(person, person.user_id, but=person.credential_id)
        return RedirectResponse(f"{HERE}#sessions", 303)

    @routes.get("/account/confirm")
    def ask(request: Request, _person: Person, next: str = HERE) -> Response:  # noqa: A002 - the field's name in the address
        return view.page(request, "pages/confirm.html", error="", next=local_path(next))

    @routes.post("/account/confirm")
    def confirm(request: Request, person: Person, form: Submitted, words: Words) -> Response:
        target = local_path(form["next"])
        try:
            identity.door.confirm(person, form["password"])
        except NaesilError as error:
            page = view.page(
                request, "pages/confirm.html", status_of(error), error=error.text(words), next=target
            )
            return with_pause(page, error)
        return RedirectResponse(target, 303)

    return routes


def _password(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get("/account/password")
    def ask(request: Request, known: Settling, next: str = HERE) -> Response:  # noqa: A002 - the field's name in the address
        return view.page(
            request, "pages/password.html",
            due=known.must_change_password, error="", field="", next=local_path(next),
        )  # fmt: skip

    @routes.post("/account/password")
    def change(request: Request, known: Settling, form: Submitted, words: Words) -> Response:
        target = local_path(form["next"])
        try:
            check_repeated(form)
            services.identity.door.change_password(known.principal, form["current"], form["password"])
        except NaesilError as error:
            page = view.page(
                request, "pages/password.html", status_of(error),
                due=known.must_change_password,
                error=error.text(words), field=error.field or "", next=target,
            )  # fmt: skip
            return with_pause(page, error)
        return RedirectResponse(target, 303)

    return routes


def _second_factor(services: Services, view: View) -> APIRouter:
    routes = APIRouter()
    second_factor, accounts = services.identity.second_factor, services.accounts

    def page(request: Request, user_id: str, secret: str, *, status: int = 200, error: str = "") -> Response:
        name = accounts.get(user_id).name
        offered = second_factor.again(secret, name) if secret else second_factor.begin(name)
        return view.page(
            request, "pages/second_factor.html", status,
            secret=offered.secret, qr=qr_code(offered.address), error=error, codes=(),
        )  # fmt: skip

    @routes.get("/account/second-factor")
    def offer(request: Request, known: Settling) -> Response:
        return page(request, known.principal.user_id, "")

    @routes.post("/account/second-factor")
    def turn_on(request: Request, known: Enrolling, form: Submitted, words: Words) -> Response:
        try:
            codes = second_factor.turn_on(known.principal, form["secret"], form["code"])
        except NaesilError as error:
            if error.field is None:
                raise
            return page(
                request, known.principal.user_id, form["secret"],
                status=status_of(error), error=error.text(words),
            )  # fmt: skip
        return _codes(view, request, codes)

    @routes.post("/account/second-factor/codes")
    def renew(request: Request, person: Confirmed, _form: Submitted) -> Response:
        return _codes(view, request, second_factor.renew_codes(person))

    @routes.post("/account/second-factor/off")
    def turn_off(person: Confirmed, _form: Submitted) -> Response:
        second_factor.turn_off(person, person.user_id)
        return RedirectResponse(HERE, 303)

    return routes


def _codes(view: View, request: Request, codes: tuple[str, ...]) -> Response:
    return view.page(request, "pages/second_factor.html", secret="", qr="", error="", codes=codes)


def _passkeys(services: Services, jar: Cookies) -> APIRouter:
    routes = APIRouter()
    passkeys, accounts = services.identity.passkeys, services.accounts

    @routes.post("/account/passkeys/options")
    def options(request: Request, person: Confirmed, _form: Submitted) -> Response:
        name = accounts.get(person.user_id).name
        browser = jar.read(request, SESSION)
        return JSONResponse(passkeys.begin_adding(person, name, browser, page_origin(request)))

    @routes.post("/account/passkeys")
    def add(request: Request, person: Confirmed, form: Submitted) -> Response:
        browser = jar.read(request, SESSION)
        passkeys.add(person, form["label"], credential(form), browser, page_origin(request))
        return JSONResponse({"next": f"{HERE}#passkeys"}, 201)

    @routes.post("/account/passkeys/{passkey_id}/remove")
    def remove(passkey_id: str, person: Confirmed, _form: Submitted) -> Response:
        passkeys.remove(person, person.user_id, passkey_id)
        return RedirectResponse(f"{HERE}#passkeys", 303)

    return routes


def check_repeated(form: Form) -> None:
    """InvalidInput unless the new password was typed twice alike."""
    if form["password"] != form["repeated"]:
        raise InvalidInput(N_("The two passwords differ. Type the same one twice."), field="repeated")


def qr_code(address: str) -> Markup:
    """The address as an SVG drawn here: dark modules on white, with the quiet zone scanners need."""
    svg = segno.make(address, error="m").svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(svg)  # noqa: S704 - segno's own markup; the address is in it only as modules
