"""The egress guard on a page: what the kernel says now, the self-attack, and signed attestations."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from appliance.core import Permission, Principal
from appliance.egress import attestation
from appliance.errors import N_, NaesilError
from appliance.http.console.shell import Console, Section
from appliance.http.deps import Submitted, Words, needs
from appliance.http.errors import status_of

SECTION = Section("/console/egress", N_("Egress guard"), "shield", Permission.EGRESS_READ)
SHOWN = 20

Reader = Annotated[Principal, Depends(needs(Permission.EGRESS_READ))]
Prover = Annotated[Principal, Depends(needs(Permission.EGRESS_PROBE))]


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services = console.services

    async def page(
        request: Request, person: Principal, status: int = 200, *, error: str = "", done: str = ""
    ) -> Response:
        try:
            guard = await services.proving.status()
        except NaesilError:
            guard = None  # the page says so; what was found before is still worth showing
        return await asyncio.to_thread(
            console.page, request, person, "egress.html", status,
            guard=guard,
            last=services.proving.last,
            attestations=services.attestations.newest(SHOWN),
            may_probe=console.may(person, Permission.EGRESS_PROBE),
            error=error, done=done,
        )  # fmt: skip

    @routes.get(SECTION.path)
    async def look(request: Request, person: Reader) -> Response:
        return await page(request, person)

    @routes.post("/console/egress/probe")
    async def probe(request: Request, person: Prover, _form: Submitted, words: Words) -> Response:
        try:
            result = await services.proving.probe(person)
        except NaesilError as error:
            return await page(request, person, status_of(error), error=error.text(words))
        return await page(request, person, done="blocked" if result.ok else "leaked")

    @routes.post("/console/egress/attest")
    async def attest(request: Request, person: Prover, _form: Submitted, words: Words) -> Response:
        try:
            await services.proving.attest(person)
        except NaesilError as error:
            return await page(request, person, status_of(error), error=error.text(words))
        name, _ = services.attestations.newest(1)[0]
        return RedirectResponse(f"/console/egress/attestations/{name}", 303)

    @routes.get("/console/egress/attestations/{name}")
    def show(request: Request, person: Reader, name: str) -> Response:
        note = services.attestations.read(name)
        return console.page(
            request, person, "attestation.html", name=name, note=note, values=attestation.fields(note)
        )

    @routes.get("/console/egress/attestations/{name}/note")
    def download(_person: Reader, name: str) -> Response:
        headers = {"Content-Disposition": f'attachment; filename="naesil-egress-{name}.txt"'}
        return PlainTextResponse(services.attestations.read(name), headers=headers)

    return routes
