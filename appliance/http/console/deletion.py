"""Deleting a disabled account with everything in it; ends with the certificate."""

import asyncio

from fastapi import APIRouter, Request, Response

from appliance.errors import N_, InvalidInput
from appliance.http.console.person import HERE, Manager
from appliance.http.console.shell import Console
from appliance.http.deps import Confirmed, Submitted


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    services = console.services

    @routes.post(HERE + "/delete")
    async def delete(
        user_id: str, request: Request, person: Manager, _fresh: Confirmed, form: Submitted
    ) -> Response:
        name = (await asyncio.to_thread(services.accounts.get, user_id)).name
        if form["name"].strip() != name:
            raise InvalidInput(N_("Type the name exactly as it is shown to confirm."), field="name")
        await services.chat.quiet_down(user_id)
        await services.temporary.quiet_down(user_id)
        certificate = await asyncio.to_thread(services.erasure.account, person, user_id)
        return await asyncio.to_thread(
            console.view.page, request, "pages/certificate.html", certificate=certificate
        )

    return routes
