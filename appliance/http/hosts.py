"""Only our own names in the Host header (against DNS rebinding; OWASP ASVS 5.0, V4.1).

On plain loopback any web site could point its name at 127.0.0.1 and have a browser talk to us
as if we were that site; so only loopback names and the configured host are answered. Over TLS
the certificate already binds the name. Ports are not compared: a tunnel may change them.
Nothing here ever builds an address from the Host header.
"""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.config import Settings
from appliance.errors import N_, InvalidInput

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

Refuse = Callable[[Scope, Receive, Send, InvalidInput], Awaitable[None]]


def allowed_names(settings: Settings, *, secure: bool) -> frozenset[str] | None:
    """The host names we answer to; None for any."""
    if secure:
        return None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return LOOPBACK_NAMES | {host.lower()}


class KnownHost:
    """ASGI middleware refusing a foreign Host with 400."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None, refuse: Refuse) -> None:
        self.app = app
        self.names = names
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self.names is not None:
            host = Headers(scope=scope).get("host", "").lower()
            if _without_port(host) not in self.names:
                await self.refuse(scope, receive, send, unknown_host())
                return
        await self.app(scope, receive, send)


def unknown_host() -> InvalidInput:
    return InvalidInput(N_("This server does not answer under that name. Open it by its own address."))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
