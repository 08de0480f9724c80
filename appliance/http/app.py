"""The web application: middleware in order, pages, the API under /v1."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from appliance.config import share_folder
from appliance.errors import NaesilError
from appliance.http import assets, console, pages
from appliance.http.aliases import Aliases
from appliance.http.api.app import create_api
from appliance.http.cookies import Cookies
from appliance.http.csrf import SameOrigin
from appliance.http.errors import API_PREFIX, Errors, LastResort
from appliance.http.headers import SecurityHeaders
from appliance.http.hosts import KnownHost, allowed_names
from appliance.http.limits import BodyLimit
from appliance.http.pages import attachments
from appliance.http.services import Services
from appliance.http.view import View


def create_app(services: Services) -> FastAPI:
    """Everything a browser or an API client can reach, over these services."""
    jar = Cookies(secure=services.secure)
    view = View(share_folder("web"), jar)
    errors = Errors(view)
    names = allowed_names(services.settings, secure=services.secure)
    app = FastAPI(
        openapi_url=None,  # no generated documentation pages: they load scripts from elsewhere
        middleware=[  # from the outside in
            Middleware(SecurityHeaders, secure=services.secure),
            Middleware(Aliases, prefix=API_PREFIX),
            Middleware(LastResort, errors=errors),
            Middleware(KnownHost, names=names, refuse=errors.refuse),
            Middleware(SameOrigin, refuse=errors.refuse, free=f"{API_PREFIX}/"),
            Middleware(BodyLimit, refuse=errors.refuse, streamed=console.STREAMED | {attachments.ADD}),
        ],
        exception_handlers={
            NaesilError: errors.on_domain_error,
            HTTPException: errors.on_http_error,
            RequestValidationError: errors.on_invalid_request,
        },
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.cookies = jar
    app.state.view = view
    app.include_router(assets.router(view.assets))
    app.include_router(pages.router(services, view, jar))
    app.include_router(console.router(services, view))
    app.mount(API_PREFIX, create_api(services))
    return app
