"""Every failure as a page or as JSON, in the reader's language. The one table of codes and statuses."""

import logging
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.errors import (
    N_,
    InvalidInput,
    LimitReached,
    NaesilError,
    NotFound,
    NotSignedIn,
    PolicyViolation,
    ReasonNeeded,
    StepRequired,
    Unavailable,
)
from appliance.http.api import errors as api_errors
from appliance.http.view import View
from appliance.ids import new_id

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "invalid_input": 400,
        "policy_error": 400,
        "context_too_long": 400,
        "not_signed_in": 401,
        "step_required": 401,
        "forbidden": 403,
        "policy_violation": 403,
        "not_found": 404,
        "conflict": 409,
        "too_large": 413,
        "limit_reached": 429,
        "unavailable": 503,
        "storage_failed": 503,
    }
)
API_PREFIX = "/v1"
STEPS: Mapping[str, str] = MappingProxyType(
    {
        "code": "/sign-in/code",
        "password": "/account/password",
        "second-factor": "/account/second-factor",
        "confirm": "/account/confirm",
    }
)

log = logging.getLogger(__name__)


class WrongMethod(NaesilError):
    """405: the address exists, but not for this verb."""

    code = "wrong_method"


class OurFault(NaesilError):
    """500: something nobody foresaw; the page carries only a reference for the log."""

    code = "our_fault"


def status_of(error: NaesilError) -> int:
    return {"wrong_method": 405, "our_fault": 500}.get(error.code) or STATUSES.get(error.code, 500)


def wants_json(request: Request) -> bool:
    """Whether a script asked: our own modules say so in Accept, a browser's navigation never does."""
    accept = request.headers.get("accept", "")
    return "text/html" not in accept and ("application/json" in accept or "text/event-stream" in accept)


class Errors:
    """Answers for what goes wrong anywhere below the middleware and in it."""

    def __init__(self, view: View) -> None:
        self._view = view

    def response(self, request: Request, error: NaesilError) -> Response:
        """The answer for a domain error, in the shape this caller reads."""
        if request.url.path.startswith(f"{API_PREFIX}/"):
            return api_errors.response(error, request.url.path)
        headers = {}
        if isinstance(error, (LimitReached, Unavailable)):
            headers["Retry-After"] = str(error.retry_after)
        status = status_of(error)
        message = error.text(self._view.words(request))
        if wants_json(request):
            said: dict[str, object] = {"code": error.code, "message": message, "field": error.field}
            if isinstance(error, (PolicyViolation, ReasonNeeded)):
                in_text = [span for span in error.spans if span[0] >= 0]
                said |= {"spans": in_text, "offers": sorted(error.offers)}
                said |= {"in_files": len(error.spans) - len(in_text)}
            body = {"error": said}
            return JSONResponse(body, status, headers)
        if isinstance(error, StepRequired):
            return RedirectResponse(f"{STEPS[error.step]}?next={quote(_back_to(request))}", 303)
        if isinstance(error, NotSignedIn) and request.method == "GET":
            return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
        page = self._view.page(request, "pages/error.html", status, status=status, message=message)
        page.headers.update(headers)
        return page

    async def refuse(self, scope: Scope, receive: Receive, send: Send, error: NaesilError) -> None:
        """The same for middleware, which has no request yet."""
        await self.response(Request(scope), error)(scope, receive, send)

    async def on_domain_error(self, request: Request, error: NaesilError) -> Response:
        return self.response(request, error)

    async def on_http_error(self, request: Request, error: HTTPException) -> Response:
        return self.response(request, _from_status(error.status_code))

    async def on_invalid_request(self, request: Request, _error: RequestValidationError) -> Response:
        return self.response(request, _from_status(400))


class LastResort:
    """ASGI middleware for what nobody foresaw: a page with a reference, a log line without content.

    The exception's own text may quote a prompt, so only its type and the lines it came by are logged.
    """

    def __init__(self, app: ASGIApp, errors: Errors) -> None:
        self.app = app
        self.errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note_start)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:  # the process loop of one request: log, answer, go on
            reference = new_id()
            log.error("request failed: reference %s: %s", reference, _trail(error))
            if scope["type"] == "http" and not started:
                await self.errors.refuse(scope, receive, send, _our_fault(reference))


def _back_to(request: Request) -> str:
    """Where to go on afterwards: this page, or for a form the page above its address.

    Browsers are told to say nothing of where they come from, so they do not say which page showed the form.
    """
    path = request.url.path
    if request.method == "GET":
        return path
    while path := path.rpartition("/")[0]:
        asked = {**request.scope, "method": "GET", "path": path}
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            return path
    return "/"


def _our_fault(reference: str) -> OurFault:
    return OurFault(
        N_(
            "Something went wrong on our side. Try again; if it happens again, "
            "tell your administrator this reference: %(reference)s"
        ),
        reference=reference,
    )


def _from_status(status: int) -> NaesilError:
    if status == 404:
        return NotFound(N_("There is no such page."))
    if status == 405:
        return WrongMethod(N_("This address cannot be used that way."))
    return InvalidInput(N_("The request could not be understood."))


def _trail(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return f"{type(error).__name__} at " + " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
