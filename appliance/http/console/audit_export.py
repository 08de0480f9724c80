"""Exports of the log: a reason is demanded and recorded, and so is every fetching of the file."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from appliance.audit.export import Request as Wanted
from appliance.core import Permission, Principal
from appliance.errors import NaesilError
from appliance.http.console.shell import Console
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of

PATH = "/console/audit/export"
LOOK_AGAIN_S = "1"

Exporting = Annotated[Principal, Depends(needs(Permission.AUDIT_EXPORT))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    exports = console.services.oversight.exports

    def page(
        request: Request, person: Principal, words: Words, status: int = 200, *,
        typed: Wanted | None = None, error: str = "",
    ) -> Response:  # fmt: skip
        state = exports.state
        shown = console.page(
            request, person, "audit_export.html", status,
            state=state,
            files=exports.list(),
            typed=typed or Wanted(""),
            error=error or (state.error.text(words) if state.error else ""),
        )  # fmt: skip
        if state.running:
            shown.headers["Refresh"] = LOOK_AGAIN_S
        return shown

    @routes.get(PATH)
    def ask(request: Request, person: Exporting, words: Words) -> Response:
        return page(request, person, words)

    @routes.post(PATH)
    def start(request: Request, person: Exporting, form: Submitted, words: Words) -> Response:
        wanted = Wanted(form["reason"], form["from"].strip(), form["to"].strip())
        try:
            exports.start(person, wanted)
        except NaesilError as error:
            return page(request, person, words, status_of(error), typed=wanted, error=error.text(words))
        return RedirectResponse(PATH, 303)

    @routes.get(f"{PATH}/{{name}}")
    def fetch(name: str, person: Exporting) -> Response:
        return FileResponse(exports.fetch(person, name), media_type="application/zip", filename=name)

    return routes
