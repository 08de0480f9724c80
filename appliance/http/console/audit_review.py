"""The monthly review: figures, what is worth a look, and the signature that somebody looked."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.core import Permission, Principal
from appliance.errors import N_, NaesilError
from appliance.http.console.shell import Console
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.names import Names
from appliance.http.phrases import OUTCOMES

PATH = "/console/audit/review"
KINDS = {
    "night": N_("Used at night"),
    "exports": N_("Many exports in a day"),
    "blocks": N_("Blocked often"),
    "sign-in": N_("Failed sign-ins"),
    "verification": N_("A check of the log failed"),
    "guard": N_("The guard was weaker than it can be"),
    "clock": N_("The clock was moved"),
    "egress": N_("A process tried to dial out"),
    "emergency": N_("The emergency code was used"),
    "unanswered": N_("The model process was started again"),
}

Auditor = Annotated[Principal, Depends(needs(Permission.AUDIT_READ))]
Signing = Annotated[Principal, Depends(needs(Permission.AUDIT_REVIEW))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    reviews = console.services.oversight.reviews

    def page(
        request: Request, person: Principal, month: str, status: int = 200, *, error: str = ""
    ) -> Response:
        month = month or reviews.last_month()
        made = None if error and status == 400 else reviews.make(person, month)
        return console.page(
            request, person, "audit_review.html", status,
            month=month,
            review=made,
            kinds=KINDS,
            outcomes=OUTCOMES,
            names=Names(console.services.accounts, console.view.words(request)),
            signatures=reviews.signatures(),
            may_sign=console.may(person, Permission.AUDIT_REVIEW),
            over=month <= reviews.last_month(),
            error=error,
        )  # fmt: skip

    @routes.get(PATH)
    def show(request: Request, auditor: Auditor, words: Words, month: str = "") -> Response:
        try:
            return page(request, auditor, month.strip())
        except NaesilError as error:
            return page(request, auditor, month, status_of(error), error=error.text(words))

    @routes.post(PATH)
    def sign(request: Request, auditor: Signing, form: Submitted, words: Words) -> Response:
        try:
            reviews.sign(auditor, form["month"], form["sha256"], form["note"])
        except NaesilError as error:
            return page(request, auditor, form["month"], status_of(error), error=error.text(words))
        return RedirectResponse(f"{PATH}?month={form['month']}", 303)

    return routes
