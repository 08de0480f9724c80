"""POST /v1/messages and /v1/messages/count_tokens: Anthropic's API, errors in its shape."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from appliance.core import Principal
from appliance.errors import N_, InvalidInput
from appliance.http.api import answering, message_events
from appliance.http.api.access import caller, permitted, request_id
from appliance.http.api.documented import answers_with, anthropic_errors
from appliance.http.api.message_bodies import CountRequest, MessageRequest
from appliance.http.api.message_events import CountObject, MessageObject
from appliance.http.services import Services
from appliance.http.sse import EventStream
from appliance.ids import new_id
from appliance.protocol.messages import Render

TOOLS_FIELD = "tools.%d.input_schema"


def router(services: Services) -> APIRouter:
    routes = APIRouter(responses=anthropic_errors())

    @routes.post("/messages", response_model=None, responses=answers_with(MessageObject, stream=BaseModel))
    async def messages(
        body: MessageRequest,
        request: Request,
        principal: Annotated[Principal, Depends(caller)],
        identifier: Annotated[str, Depends(request_id)],
    ) -> Response:
        """Answer a conversation. With `stream`, as server-sent events."""
        answering.check_model(services, body.model)
        (admitted,) = await answering.admit(
            services, [answering.ask_of(body, principal, identifier, "messages", TOOLS_FIELD)]
        )
        (events,) = await answering.begin(services, [admitted], whole=not body.stream)
        if body.stream:
            return EventStream(message_events.stream(events, admitted))
        said = await answering.unless_left(request, answering.collect(events))
        if said is None:
            return Response(status_code=499)
        return JSONResponse(message_events.whole(admitted, said))

    @routes.post("/messages/count_tokens")
    async def count_tokens(
        body: CountRequest, _principal: Annotated[Principal, Depends(permitted)]
    ) -> CountObject:
        """How many tokens the model would read."""
        answering.check_model(services, body.model)
        question = Render(
            id=new_id(), turns=body.turns(), tools=body.offered(), template_values=body.values()
        )
        rendered = await services.inference.render(question)
        if rendered.error:
            raise InvalidInput(
                N_("The model's chat template cannot express these messages. Check their roles and order."),
                field="messages",
            )
        return CountObject(input_tokens=rendered.tokens)

    return routes
