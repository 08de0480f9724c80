"""No request body larger than the limit is ever held (OWASP ASVS 5.0, V5.2.1).

The body is read here, before anybody parses it, and never past the limit: a declared length
that is too large is refused unread, a chunked one at the chunk that crosses the line.
"""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import N_, TooLarge

MAX_BODY_BYTES = 1_000_000

Refuse = Callable[[Scope, Receive, Send, TooLarge], Awaitable[None]]


class BodyLimit:
    """ASGI middleware; `refuse` answers in the shape the caller understands.

    Bodies for the paths in `streamed` are left to their routes, which write them to disk as they come.
    """

    def __init__(
        self,
        app: ASGIApp,
        refuse: Refuse,
        limit: int = MAX_BODY_BYTES,
        streamed: frozenset[str] = frozenset(),
    ) -> None:
        self.app = app
        self.streamed = streamed
        self.refuse = refuse
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.streamed:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        body = None if not length.isdecimal() or int(length) > self.limit else await self._read(receive)
        if body is None:
            await self.refuse(scope, receive, send, too_large(self.limit))
            return
        waiting: list[Message] = [body]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> Message | None:
        """The whole body as one message, the disconnect that came instead, or None if too large."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            part = message.get("body", b"")
            size += len(part)
            if size > self.limit:
                return None
            parts.append(part)
            if not message.get("more_body", False):
                return {"type": "http.request", "body": b"".join(parts), "more_body": False}


def too_large(limit: int) -> TooLarge:
    """The error for a body past `limit` bytes."""
    return TooLarge(
        N_("This is too long: at most %(kilobytes)d kB can be sent at once. Shorten it and send it again."),
        kilobytes=limit // 1000,
    )
