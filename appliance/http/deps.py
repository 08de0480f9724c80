"""What routes ask for in their signatures: the person, the form, the words."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from appliance.core import Permission, Principal
from appliance.errors import N_, NotSignedIn, StepRequired
from appliance.http import cookies, forms
from appliance.http.services import Services
from appliance.http.view import View
from appliance.i18n import Translator
from appliance.identity.sessions import KnownSession


def origin_of(request: Request) -> str:
    """The address the request came from, as the audit log records it."""
    return request.client.host if request.client else ""


def known(request: Request) -> KnownSession | None:
    """The session of this browser, whatever it has proven. Runs in the thread pool: it reads the database."""
    services: Services = request.app.state.services
    jar: cookies.Cookies = request.app.state.cookies
    token = jar.read(request, cookies.SESSION)
    return services.sessions.known(token, origin_of(request)) if token else None


Known = Annotated[KnownSession | None, Depends(known)]


def visitor(found: Known) -> Principal | None:
    """The signed-in person, or None."""
    return None if found is None or found.pending else found.principal


def settling(found: Known) -> KnownSession:
    """A signed-in person who may still have to set a password or a second factor."""
    if found is None:
        raise NotSignedIn(N_("Your session has ended. Sign in again; what you typed is still here."))
    if found.pending:
        raise StepRequired(N_("Give the code of your second factor first."), step="code")
    return found


def person(found: Annotated[KnownSession, Depends(settling)]) -> Principal:
    """The signed-in person, with nothing left to do first. NotSignedIn or StepRequired otherwise."""
    if found.must_change_password:
        raise StepRequired(N_("Choose a password of your own first."), step="password")
    if found.second_factor_due:
        raise StepRequired(N_("Your role needs a second factor. Set it up first."), step="second-factor")
    return found.principal


def confirmed(
    found: Annotated[KnownSession, Depends(settling)], principal: Annotated[Principal, Depends(person)]
) -> Principal:
    """The signed-in person, whose password was typed some minutes ago at most."""
    if not found.confirmed:
        raise StepRequired(N_("Type your password again before you go on."), step="confirm")
    return principal


def enrolling(found: Annotated[KnownSession, Depends(settling)]) -> KnownSession:
    """Who may set up a second factor: whoever must before anything else, or is `confirmed`.

    Otherwise an open browser that somebody left would be enough to lock its owner out.
    """
    if not found.second_factor_due:
        confirmed(found, person(found))
    return found


def needs(permission: Permission) -> Callable[..., Principal]:
    """A dependency: the signed-in person, if the policy permits this. Runs in the thread pool."""

    def permitted(request: Request, found: Annotated[Principal, Depends(person)]) -> Principal:
        services: Services = request.app.state.services
        services.gate.require(found, permission)
        return found

    return permitted


async def submitted(request: Request) -> forms.Form:
    """The form of this request, its token checked. Every POST route depends on it."""
    return await forms.read(request)


def words(request: Request) -> Translator:
    view: View = request.app.state.view
    return view.words(request)


Person = Annotated[Principal, Depends(person)]
Settling = Annotated[KnownSession, Depends(settling)]
Confirmed = Annotated[Principal, Depends(confirmed)]
Enrolling = Annotated[KnownSession, Depends(enrolling)]
Visitor = Annotated[Principal | None, Depends(visitor)]
Submitted = Annotated[forms.Form, Depends(submitted)]
Words = Annotated[Translator, Depends(words)]
Origin = Annotated[str, Depends(origin_of)]
