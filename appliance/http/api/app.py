"""The /v1 application: its own error shape, its own callers, the same services."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from appliance import __version__
from appliance.errors import NaesilError
from appliance.http.api import (
    chat_completions,
    completions,
    documented,
    embeddings,
    errors,
    messages,
    models,
    responses,
    tokens,
)
from appliance.http.api.idempotency import Idempotency
from appliance.http.api.stamps import Stamps
from appliance.http.services import Services

ENDPOINTS = (chat_completions, completions, embeddings, models, responses, messages, tokens)


def create_api(services: Services) -> FastAPI:
    """To be mounted at /v1."""
    api = _Api(
        title=documented.TITLE,
        openapi_url="/openapi.json",
        docs_url=None,  # generated pages load scripts from elsewhere
        redoc_url=None,
        responses=documented.ERRORS,
        middleware=[  # from the outside in
            Middleware(Stamps, services=services),
            Middleware(Idempotency, clock=services.clock),
        ],
        redirect_slashes=False,
    )
    api.state.services = services
    for endpoint in ENDPOINTS:
        api.include_router(endpoint.router(services))
    api.add_exception_handler(NaesilError, errors.on_domain_error)  # type: ignore[arg-type]  # narrower than Exception
    api.add_exception_handler(HTTPException, errors.on_http_error)  # type: ignore[arg-type]  # narrower than Exception
    api.add_exception_handler(RequestValidationError, errors.on_invalid_request)  # type: ignore[arg-type]  # same
    api.add_exception_handler(Exception, errors.on_crash)
    return api


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """What /v1/openapi.json says; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = documented.document(self, __version__)
        return self.openapi_schema
