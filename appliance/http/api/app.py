"""The /v1 application: its own error shape, its own callers, the same services."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from appliance.errors import NaesilError
from appliance.http.api import chat_completions, errors, models
from appliance.http.services import Services


def create_api(services: Services) -> FastAPI:
    """To be mounted at /v1."""
    api = FastAPI(openapi_url=None)
    api.state.services = services
    api.include_router(chat_completions.router(services))
    api.include_router(models.router(services))
    api.add_exception_handler(NaesilError, errors.on_domain_error)  # type: ignore[arg-type]  # narrower than Exception
    api.add_exception_handler(HTTPException, errors.on_http_error)  # type: ignore[arg-type]  # narrower than Exception
    api.add_exception_handler(RequestValidationError, errors.on_invalid_request)  # type: ignore[arg-type]  # same
    api.add_exception_handler(Exception, errors.on_crash)
    return api
