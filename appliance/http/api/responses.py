"""POST /v1/responses: what OpenAI's newer clients speak. Stateless: nothing is stored to go on from."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from appliance.core import Principal
from appliance.http.api import answering, response_events, response_objects
from appliance.http.api.access import caller, request_id
from appliance.http.api.documented import answers_with
from appliance.http.api.response_bodies import ResponseRequest
from appliance.http.services import Services
from appliance.http.sse import EventStream

TOOLS_FIELD = "tools.%d.parameters"


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/responses",
        response_model=None,
        responses=answers_with(response_objects.Response, stream=BaseModel),
    )
    async def responses(
        body: ResponseRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """Answer an input. With `stream`, as server-sent events named like their `type`."""
        answering.check_model(services, body.model)
        (admitted,) = await answering.admit(
            services, [answering.ask_of(body, principal, identifier, "responses", TOOLS_FIELD)]
        )
        (events,) = await answering.begin(services, [admitted], whole=not body.stream)
        frame = response_objects.Frame(body, admitted, services.clock)
        telling = response_events.Telling(frame, admitted.answer_id)
        if body.stream:
            return EventStream(response_events.stream(events, telling))
        answer = await answering.unless_left(request, response_events.whole(events, telling))
        return Response(status_code=499) if answer is None else JSONResponse(answer)

    return routes
