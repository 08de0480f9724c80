"""POST /witness/add-checkpoint: C2SP tlog-witness. Missing while this product is nobody's witness."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from appliance.core import Principal
from appliance.errors import N_, NotFound
from appliance.evidence.faults import Unsound
from appliance.http.services import Services

SIZE_TYPE = "text/x.tlog.size"
STATUS = {
    "request-form": 400,
    "witness-unknown-log": 404,
    "witness-conflict": 409,
    "fork": 409,
    "witness-inconsistent": 422,
}
NOT_SIGNED = 403


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post("/witness/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        if not services.oversight.witnessing.on:
            raise NotFound(N_("This product is not a witness."))
        asker = Principal("", "system", origin=request.client.host if request.client else "")
        try:
            text = (await request.body()).decode()
        except UnicodeDecodeError:
            return PlainTextResponse("not UTF-8\n", 400)
        try:
            line = await asyncio.to_thread(services.oversight.witnessing.add_checkpoint, asker, text)
        except Unsound as bad:
            status = STATUS.get(bad.fault.code, NOT_SIGNED)
            if status == 409:
                size = await asyncio.to_thread(services.oversight.witnessing.size_of, text)
                return Response(f"{size}\n", 409, media_type=SIZE_TYPE)
            return PlainTextResponse(f"{bad.fault.text()}\n", status)
        return PlainTextResponse(line)

    return routes
