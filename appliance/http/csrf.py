"""Nobody else's page may act in a person's name: three independent checks on every unsafe request.

1. The session cookie is SameSite=Strict (RFC 6265bis, 5.6.7.1); see cookies.py.
2. `Sec-Fetch-Site` must say same-origin or none (W3C Fetch Metadata); a browser too old to
   send it sends `Origin` (RFC 6454), which must name our own host. This module, as middleware.
3. A form token bound to the session (OWASP ASVS 5.0, V3.5.1): HMAC-SHA-256 keyed by the cookie's
   own secret, which only the browser and the request carry. It survives restarts and reveals nothing.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appliance.errors import N_, Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "csrf"

Refuse = Callable[[Scope, Receive, Send, Forbidden], Awaitable[None]]


class SameOrigin:
    """ASGI middleware for the second check; requests under `free` carry no cookie rights."""

    def __init__(self, app: ASGIApp, refuse: Refuse, free: str) -> None:
        self.app = app
        self.refuse = refuse
        self.free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "http" and scope["method"] not in SAFE_METHODS
        if guarded and not scope["path"].startswith(self.free) and not from_our_pages(Headers(scope=scope)):
            await self.refuse(scope, receive, send, foreign_form())
            return
        await self.app(scope, receive, send)


def from_our_pages(headers: Headers) -> bool:
    """Whether a request can only come from our own pages, or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def token_for(secret: str) -> str:
    """The form token that goes with a cookie's secret."""
    digest = hmac.new(secret.encode(), b"naesil form token", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def token_fits(secret: str, given: str) -> bool:
    """Constant-time comparison; an empty secret fits nothing."""
    return bool(secret) and hmac.compare_digest(token_for(secret).encode(), given.encode())


def foreign_form() -> Forbidden:
    return Forbidden(N_("This request did not come from a page of ours. Reload the page and try again."))
