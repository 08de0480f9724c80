"""/account/usage: what a person used, by key."""

from fastapi import APIRouter, Request, Response

from appliance.completions.usage import SHOWN_DAYS
from appliance.http.deps import Person
from appliance.http.services import Services
from appliance.http.view import View


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get("/account/usage")
    def usage(request: Request, person: Person) -> Response:
        return view.page(
            request, "pages/usage.html",
            sums=services.completions.usage.own(person.user_id),
            labels={key.id: key.label for key in services.keys.list(person.user_id)},
            days=SHOWN_DAYS,
        )  # fmt: skip

    return routes
