"""Policies: what is in force, what was, drafts of what may come, and going back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.core import Permission, Principal
from appliance.errors import N_, InvalidInput, NaesilError
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of
from appliance.http.names import Names

SECTION = Section("/console/policies", N_("Policies"), "rules", Permission.POLICY_READ)

Reader = Annotated[Principal, Depends(needs(Permission.POLICY_READ))]
Editor = Annotated[Principal, Depends(needs(Permission.POLICY_EDIT))]
Activator = Annotated[Principal, Depends(needs(Permission.POLICY_ACTIVATE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    policies = console.services.policies

    def page(request: Request, person: Principal, status: int = 200, *, error: str = "") -> Response:
        drafts = policies.drafts()
        return console.page(
            request, person, "policies.html", status,
            drafts=drafts,
            tried={one.id: _totals(policies.tried(one.id)) for one in drafts if one.state == "trial"},
            history=policies.revisions.history(),
            names=Names(console.services.accounts, console.view.words(request)),
            may_edit=console.may(person, Permission.POLICY_EDIT),
            may_activate=console.may(person, Permission.POLICY_ACTIVATE),
            error=error,
        )  # fmt: skip

    @routes.get(SECTION.path)
    def show(request: Request, person: Reader) -> Response:
        return page(request, person)

    @routes.post("/console/policies/drafts")
    def start(person: Editor, form: Submitted) -> Response:
        draft = policies.start(person, form["note"])
        return RedirectResponse(f"/console/policies/drafts/{draft.id}", 303)

    @routes.post("/console/policies/rollback")
    def roll_back(request: Request, person: Activator, form: Submitted, words: Words) -> Response:
        """The form says which revision was in force on the page that was looked at."""
        try:
            policies.roll_back(person, number_of(form["number"]), number_of(form["expected"]))
        except NaesilError as error:
            return page(request, person, status_of(error), error=error.text(words))
        return RedirectResponse(SECTION.path, 303)

    @routes.get("/console/policies/revisions/{number}")
    def revision(number: int, request: Request, person: Reader) -> Response:
        texts = policies.revisions.texts(number)
        return console.page(request, person, "revision.html", number=number, texts=texts)

    return routes


def number_of(text: str) -> int:
    """A number that a form sent. InvalidInput for anything else."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidInput(N_("A number is missing. Reload the page and try again."))
    return int(text)


def _totals(counts: list[tuple[str, str, int]]) -> tuple[int, int]:
    """How many decisions a trial saw, and how many of them would end otherwise."""
    return sum(count for _, _, count in counts), sum(count for was, would, count in counts if was != would)
