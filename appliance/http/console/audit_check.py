"""The verify button: starts a check of the whole log, shows how far it is, then what it found."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from appliance.audit.verify import Report
from appliance.core import Permission, Principal
from appliance.http.console.shell import Console
from appliance.http.deps import Submitted, Words, needs

PATH = "/console/audit/verify"
LOOK_AGAIN_S = "1"

Auditor = Annotated[Principal, Depends(needs(Permission.AUDIT_READ))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    checking = console.services.oversight.checking

    @routes.get(PATH)
    def progress(request: Request, auditor: Auditor, words: Words) -> Response:
        state = checking.state
        page = console.page(
            request, auditor, "audit_check.html",
            state=state,
            report=state.result if isinstance(state.result, Report) else None,
            error=state.error.text(words) if state.error else "",
        )  # fmt: skip
        if state.running:
            page.headers["Refresh"] = LOOK_AGAIN_S  # works without a script
        return page

    @routes.post(PATH)
    def start(auditor: Auditor, _form: Submitted) -> Response:
        checking.start(auditor)
        return RedirectResponse(PATH, 303)

    return routes
