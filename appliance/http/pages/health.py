"""GET /health: whether questions can be answered. Public, and answered without touching a disk."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from appliance.http.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health")
    async def health() -> JSONResponse:
        if services.inference.model is None:
            return JSONResponse({"status": "loading"}, 503, {"Retry-After": "2"})
        return JSONResponse({"status": "ok"})

    return routes
