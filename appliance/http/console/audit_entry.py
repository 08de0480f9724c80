"""One entry: what it says, where it stands in the log, and the proof of that."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from appliance.core import Permission, Principal
from appliance.errors import N_, NotFound
from appliance.http import phrases
from appliance.http.console.shell import Console
from appliance.http.deps import Words, needs
from appliance.http.names import Names

PATH = "/console/audit/entries"

Auditor = Annotated[Principal, Depends(needs(Permission.AUDIT_READ))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()

    @routes.get(f"{PATH}/{{index}}")
    def entry(index: str, request: Request, auditor: Auditor, words: Words) -> Response:
        if not (index.isascii() and index.isdigit() and len(index) <= 18):
            raise NotFound(N_("There is no such page."))
        detail = console.services.oversight.viewer.entry(auditor, int(index))
        return console.page(
            request, auditor, "audit_entry.html",
            detail=detail,
            leaf=detail.leaf,
            names=Names(console.services.accounts, words),
            outcomes=phrases.OUTCOMES,
            kinds=phrases.KINDS,
        )  # fmt: skip

    return routes
