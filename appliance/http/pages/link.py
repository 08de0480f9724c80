"""The page between a link in a text and the outside: it shows the whole target and asks."""

from fastapi import APIRouter, Request, Response

from appliance.errors import N_, InvalidInput
from appliance.http.deps import Person
from appliance.http.links import host_of, outside
from appliance.http.view import View


def router(view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get("/link")
    def confirm(request: Request, _person: Person, to: str = "") -> Response:
        target = outside(to)
        if target is None:
            raise InvalidInput(N_("This link is not a web or mail address, so it is not opened."))
        return view.page(request, "pages/link.html", target=target, host=host_of(target))

    return routes
