"""The account page: who I am here, how this browser behaves, my API keys."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from appliance.core import Principal, Role
from appliance.errors import N_, NaesilError
from appliance.http.deps import Person, Submitted, Words
from appliance.http.errors import status_of
from appliance.http.services import Services
from appliance.http.view import View

ROLE_NAMES = {
    Role.ADMINISTRATOR: N_("System administrator"),
    Role.POLICY_ADMINISTRATOR: N_("Policy administrator"),
    Role.AUDITOR: N_("Auditor"),
    Role.MEMBER: N_("Member"),
}


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    def page(
        request: Request, person: Principal, status: int = 200, *, secret: str = "", error: str = ""
    ) -> Response:
        return view.page(
            request, "pages/account.html", status,
            account=services.accounts.get(person.user_id),
            role_names={role: view.words(request)(name) for role, name in ROLE_NAMES.items()},
            keys=services.keys.list(person.user_id),
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
            _, secret = services.keys.create(person, person.user_id, form["label"])
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return page(request, person, 201, secret=secret)

    @routes.post("/account/keys/{key_id}/revoke")
    def revoke_key(key_id: str, person: Person, _form: Submitted) -> Response:
        services.keys.revoke(person, person.user_id, key_id)
        return RedirectResponse("/account#keys", 303)

    return routes
