"""A person's own data: what is held and why, who looked, a copy to take along, and its destruction."""

import asyncio

from fastapi import APIRouter, Request, Response

from appliance.errors import N_, InvalidInput
from appliance.http.deps import Confirmed, Person, Submitted
from appliance.http.names import Names
from appliance.http.phrases import OUTCOMES
from appliance.http.services import Services
from appliance.http.view import View

HERE = "/account/data"


def router(services: Services, view: View) -> APIRouter:
    routes = APIRouter()

    @routes.get(HERE)
    def show(request: Request, person: Person) -> Response:
        looks = services.records.looks(person)
        return view.page(
            request, "pages/own_data.html",
            held=services.records.held(person),
            sign_in=services.gate.policy.access.sign_in,
            looks=looks,
            auditing=services.gate.policy.parts.audit,
            names=Names(services.accounts, view.words(request)),
            outcomes=OUTCOMES,
        )  # fmt: skip

    @routes.post(f"{HERE}/export")
    def export(person: Confirmed, _form: Submitted) -> Response:
        return Response(
            services.records.export(person),
            media_type="application/zip",
            headers={"Content-Disposition": 'attachment; filename="naesil-my-data.zip"'},
        )

    @routes.post(f"{HERE}/delete")
    async def delete(request: Request, person: Confirmed, form: Submitted) -> Response:
        name = await asyncio.to_thread(lambda: services.accounts.get(person.user_id).name)
        if form["name"].strip() != name:
            raise InvalidInput(N_("Type your name exactly as it is shown to confirm."), field="name")
        await services.chat.quiet_down(person.user_id)
        await services.temporary.quiet_down(person.user_id)
        certificate = await asyncio.to_thread(services.erasure.conversations, person, person.user_id)
        return await asyncio.to_thread(view.page, request, "pages/certificate.html", certificate=certificate)

    return routes
