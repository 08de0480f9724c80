"""What routes ask for in their signatures: the person, the form, the words."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from appliance.core import Permission, Principal
from appliance.errors import N_, NotSignedIn
from appliance.http import cookies, forms
from appliance.http.services import Services
from appliance.http.view import View
from appliance.i18n import Translator


def origin_of(request: Request) -> str:
    """The address the request came from, as the audit log records it."""
    return request.client.host if request.client else ""


def visitor(request: Request) -> Principal | None:
    """The signed-in person, or None. Runs in the thread pool: it reads the database."""
    services: Services = request.app.state.services
    jar: cookies.Cookies = request.app.state.cookies
    token = jar.read(request, cookies.SESSION)
    return services.sessions.authenticate(token, origin_of(request)) if token else None


def person(found: Annotated[Principal | None, Depends(visitor)]) -> Principal:
    """The signed-in person. NotSignedIn without one."""
    if found is None:
        raise NotSignedIn(N_("Your session has ended. Sign in again; what you typed is still here."))
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
Visitor = Annotated[Principal | None, Depends(visitor)]
Submitted = Annotated[forms.Form, Depends(submitted)]
Words = Annotated[Translator, Depends(words)]
Origin = Annotated[str, Depends(origin_of)]
