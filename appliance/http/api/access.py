"""Who calls the API: a key in `Authorization: Bearer` or `x-api-key`, and the request's id."""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from appliance.core import Permission, Principal
from appliance.errors import N_, Forbidden, NotSignedIn
from appliance.http.services import Services


async def caller(request: Request) -> Principal:
    """The principal behind the key. NotSignedIn without one, or with one that is no good.

    Both headers given must agree: a second, weaker key must not ride along unseen.
    """
    services: Services = request.app.state.services
    header = request.headers.get("authorization", "")
    scheme, _, bearer = header.partition(" ")
    given = {key for key in (bearer.strip(), request.headers.get("x-api-key", "").strip()) if key}
    if len(given) != 1 or (header and scheme.lower() != "bearer"):
        raise NotSignedIn(
            N_("Send one API key as 'Authorization: Bearer KEY'. Make one on the account page.")
        )
    origin = request.client.host if request.client else ""
    principal = await asyncio.to_thread(services.keys.authenticate, given.pop(), origin)
    request.state.principal = principal
    if principal is None:
        raise NotSignedIn(
            N_("This API key is wrong, expired or revoked. Make a new one on the account page.")
        )
    endpoint = _endpoint(request.url.path)
    if not principal.scope.allows_endpoint(endpoint):
        raise Forbidden(N_("This API key may not use the endpoint '%(name)s'."), name=endpoint)
    return principal


def _endpoint(path: str) -> str:
    """The scope's name for an address: /v1/chat/completions is "chat", /v1/models/x is "models"."""
    return path.removeprefix("/v1").strip("/").partition("/")[0]


async def permitted(request: Request, found: Annotated[Principal, Depends(caller)]) -> Principal:
    """The caller, if the policy lets them use the API at all; for what asks no model."""
    services: Services = request.app.state.services
    await asyncio.to_thread(services.gate.require, found, Permission.API_USE)
    return found


async def request_id(request: Request) -> str:
    """The id that stamps.py gave the request."""
    identifier: str = request.state.request_id
    return identifier
