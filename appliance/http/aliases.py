"""Addresses that llama-server's clients know at the root; the API has them under /v1."""

from starlette.types import ASGIApp, Receive, Scope, Send

ALIASES = frozenset({"/tokenize", "/detokenize", "/apply-template"})


class Aliases:
    """ASGI middleware: must stand before everything that looks at the path."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ALIASES:
            path = self._prefix + scope["path"]
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)
