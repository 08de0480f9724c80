"""Retention: what is past its date, destroying it now, and legal holds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.admin.retention import Certificate, number_of
from appliance.core import Permission, Principal
from appliance.errors import N_, NaesilError
from appliance.http.console.policies import number_of as number_in
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.names import Names

SECTION = Section("/console/retention", N_("Retention"), "clock", Permission.RETENTION_READ)

LOOK_AGAIN_S = "1"

Reader = Annotated[Principal, Depends(needs(Permission.RETENTION_READ))]
Destroyer = Annotated[Principal, Depends(needs(Permission.RETENTION_RUN))]
Keeper = Annotated[Principal, Depends(needs(Permission.HOLD_MANAGE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    job, accounts = console.services.retention, console.services.accounts

    def page(
        request: Request, person: Principal, status: int = 200, *,
        error: str = "",
    ) -> Response:  # fmt: skip
        due, state = job.look(person), job.state
        shown = console.page(
            request, person, "retention.html", status,
            due=due,
            number=number_of(due),
            state=state,
            rules=console.services.gate.policy.parts.retention.rules,
            holds=job.holds.list(),
            names=Names(accounts, console.view.words(request)),
            may_destroy=console.may(person, Permission.RETENTION_RUN),
            may_hold=console.may(person, Permission.HOLD_MANAGE),
            certificate=state.result if isinstance(state.result, Certificate) else None,
            error=error or (state.error.text(console.view.words(request)) if state.error else ""),
        )  # fmt: skip
        if state.running:
            shown.headers["Refresh"] = LOOK_AGAIN_S  # works without a script
        return shown

    @routes.get(SECTION.path)
    def show(request: Request, person: Reader) -> Response:
        return page(request, person)

    @routes.post("/console/retention/run")
    def run(request: Request, person: Destroyer, form: Submitted, words: Words) -> Response:
        """Destroy what the page listed, in the background; the page then shows the certificate."""
        try:
            job.start(person, number_in(form["number"]))
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return RedirectResponse(SECTION.path, 303)

    @routes.post("/console/retention/holds")
    def hold(request: Request, person: Keeper, form: Submitted, words: Words) -> Response:
        try:
            job.holds.place(person, accounts.find(form["name"]).id, form["reason"])
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return RedirectResponse(SECTION.path, 303)

    @routes.post("/console/retention/holds/{user_id}/lift")
    def lift(user_id: str, person: Keeper, _form: Submitted) -> Response:
        job.holds.lift(person, user_id)
        return RedirectResponse(SECTION.path, 303)

    return routes
