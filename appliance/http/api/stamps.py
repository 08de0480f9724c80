"""Headers that every answer of the API carries: the request's id, and how much may still be asked.

`x-request-id` is the caller's own if it is short and printable, else one of ours; the audit entry
has the same. `x-ratelimit-*` count questions a minute, as OpenAI's clients read them.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.core import Principal
from appliance.http.services import Services
from appliance.ids import new_id
from appliance.logs import REQUEST

MAX_ID_LENGTH = 128


class Stamps:
    """ASGI middleware around the API."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = _identifier(Headers(scope=scope).get("x-request-id", ""))
        state = scope.setdefault("state", {})
        state["request_id"] = identifier
        REQUEST.set(identifier)  # of this request's task alone

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = identifier
                for name, value in self._limits(state.get("principal")).items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, stamped)

    def _limits(self, principal: Principal | None) -> dict[str, str]:
        if principal is None:
            return {}
        left = self._services.completions.headroom(principal)
        return {
            "x-ratelimit-limit-requests": str(left.limit),
            "x-ratelimit-remaining-requests": str(left.remaining),
            "x-ratelimit-reset-requests": f"{left.reset_s:.0f}s",
        }


def _identifier(given: str) -> str:
    return given if given.isascii() and given.isprintable() and 0 < len(given) <= MAX_ID_LENGTH else new_id()
