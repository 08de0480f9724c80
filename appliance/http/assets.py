"""Our style sheet, scripts and icons, read once at start and served from memory.

Addresses carry a fingerprint of the whole folder, so modules that import each other by
relative path are always of one version and may be cached for ever. Names are looked up in a
dictionary: there is no path to traverse.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    etag: str


class Assets:
    """The files by name, and the version that all of them together are."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _asset(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES
        }
        whole = hashlib.sha256(
            "".join(f"{name} {file.etag}\n" for name, file in self._files.items()).encode()
        )
        self.version = whole.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file. KeyError for one that does not exist: a template is wrong then."""
        _ = self._files[name]
        return f"/static/{self.version}/{name}"

    def find(self, name: str) -> Asset | None:
        return self._files.get(name)

    def sizes(self) -> dict[str, int]:
        """Bytes of each file, for the budget test."""
        return {name: len(file.content) for name, file in self._files.items()}


def router(assets: Assets) -> APIRouter:
    routes = APIRouter()

    @routes.get("/static/{version}/{name:path}")
    async def static(version: str, name: str, request: Request) -> Response:
        asset = assets.find(name)
        if asset is None:
            raise HTTPException(404)
        current = version == assets.version
        headers = {
            "ETag": asset.etag,
            "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
        }
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    return routes


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
