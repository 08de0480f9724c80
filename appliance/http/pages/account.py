"""The account page: who I am here, how this browser behaves, my API keys."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.core import KeyScope, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http import roles
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.services import Services
from appliance.http.view import View

MOST_DAYS = 3650


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    def page(
        request: Request, person: Principal, status: int = 200, *, secret: str = "", error: str = ""
    ) -> Response:
        return view.page(
            request, "pages/account.html", status,
            account=services.accounts.get(person.user_id),
            role_names=roles.titles(services.gate.policy, view.words(request)),
            keys=services.keys.list(person.user_id),
            left=services.completions.left(person),
            minute=services.completions.headroom(person),
            secret=secret,
            error=error,
        )  # fmt: skip

    @routes.get("/account")
    def account(request: Request, person: Person) -> Response:
        return page(request, person)

    @routes.post("/account/keys")
    def create_key(request: Request, person: Person, form: Submitted, words: Words) -> Response:
        """The only page that ever shows this key's secret."""
        try:
            scope = KeyScope(_names(form["models"]), _names(form["endpoints"]))
            expiry, addresses = _expiry(services, form["days"]), sorted(_names(form["addresses"]))
            _, secret = services.keys.create(person, person.user_id, form["label"], expiry, scope, addresses)
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return page(request, person, 201, secret=secret)

    @routes.post("/account/keys/{key_id}/revoke")
    def revoke_key(key_id: str, person: Person, _form: Submitted) -> Response:
        services.keys.revoke(person, person.user_id, key_id)
        return RedirectResponse("/account#keys", 303)

    return routes


def _expiry(services: Services, days: str) -> datetime | None:
    """When a key with so many days ends; None for an empty field. InvalidInput for anything odd."""
    if not days:
        return None
    if not days.isdecimal() or not 1 <= int(days) <= MOST_DAYS:
        raise InvalidInput(N_("Give the days as a number from 1 to %(most)d."), field="days", most=MOST_DAYS)
    return services.clock.now() + timedelta(days=int(days))


def _names(field: str) -> frozenset[str]:
    """The words of a field, separated by spaces or commas."""
    return frozenset(field.replace(",", " ").split())
