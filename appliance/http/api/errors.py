"""Errors in OpenAI's shape: {"error": {message, type, code, param}}, so that clients map them."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from appliance import errors
from appliance.protocol.messages import Failed

MAX_NAME = 300

_TYPES: tuple[tuple[type[errors.NaesilError], int, str], ...] = (
    (errors.ContextTooLong, 400, "exceed_context_size_error"),
    (errors.InvalidInput, 400, "invalid_request_error"),
    (errors.NotSignedIn, 401, "authentication_error"),
    (errors.PolicyViolation, 403, "policy_violation"),
    (errors.Forbidden, 403, "permission_error"),
    (errors.NotFound, 404, "not_found_error"),
    (errors.Conflict, 409, "conflict_error"),
    (errors.TooLarge, 413, "invalid_request_error"),
    (errors.LimitReached, 429, "rate_limit_error"),
    (errors.Unavailable, 503, "unavailable_error"),
)
_ANTHROPIC_TYPES = {
    401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error",
}  # fmt: skip
_HTTP_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}

_HELD = {
    "masked": 'To send it masked, send it again with "naesil": {"if_held": "masked"}.',
    "as_is": 'To send it as it is, send it again with "naesil": {"if_held": "as_is", "reason": "..."}.',
}
_TEMPLATE = errors.N_("The model's chat template cannot express these messages. Check their roles and order.")
_REFUSED = {
    "bad_grammar": errors.N_(
        "The JSON Schema or the tools' parameters cannot be enforced together. Simplify them."
    ),
    "bad_template": _TEMPLATE,
    "bad_request": _TEMPLATE,
    "crashed": errors.N_(
        "The model process broke off twice over this request, so it is not tried again. "
        "Change the messages or parameters."
    ),
}


def body(
    message: str, kind: str, *, code: str | None = None, param: str | None = None, **more: Any
) -> dict[str, Any]:
    """The one error object of this API."""
    return {"error": {"message": message, "type": kind, "code": code, "param": param, **more}}


def status_and_body(error: errors.NaesilError) -> tuple[int, dict[str, Any]]:
    """Status and error object of a domain error; anything unlisted is our own fault (500)."""
    status, kind = next(
        ((status, kind) for known, status, kind in _TYPES if isinstance(error, known)), (500, "server_error")
    )
    if error.code == "idempotency_key_reused":
        status = 422
    more: dict[str, Any] = {}
    if isinstance(error, errors.ContextTooLong):
        more = {"n_prompt_tokens": error.prompt_tokens, "n_ctx": error.context_tokens}
    message = error.text()
    if isinstance(error, errors.PolicyViolation):
        more = {"rules": list(error.rules)}
        if error.offers:
            more["offers"] = sorted(error.offers)
            message += " " + " ".join(_HELD[offer] for offer in sorted(error.offers, reverse=True))
    return status, body(message, kind, code=error.code, param=error.field, **more)


def from_runtime(failed: Failed) -> errors.NaesilError:
    """The domain error behind the runtime's refusal to answer."""
    if failed.code == "context_too_long":
        return errors.ContextTooLong(failed.prompt_tokens, failed.n_ctx)
    if failed.code == "queue_full":
        return errors.LimitReached(
            errors.N_("Too many requests are waiting. Try again in %(seconds)d seconds."),
            retry_after=max(1, failed.retry_after_s),
            seconds=max(1, failed.retry_after_s),
        )
    if failed.parameter:
        return errors.InvalidInput(
            errors.N_("The parameter '%(name)s' has a value that this model cannot take."),
            field=failed.parameter,
            name=failed.parameter,
        )
    if failed.code in _REFUSED:
        field = None if failed.code == "bad_grammar" else "messages"
        return errors.InvalidInput(_REFUSED[failed.code], field=field)
    return errors.Unavailable(
        errors.N_("The model process stopped before it could answer. Send the request again."), retry_after=5
    )


def response(error: errors.NaesilError, path: str = "") -> JSONResponse:
    """The answer for a domain error, in the shape that clients of `path` know."""
    status, content = status_and_body(error)
    headers = {}
    if isinstance(error, (errors.LimitReached, errors.Unavailable)):
        headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(shaped(content, status, path), status, headers)


def shaped(content: dict[str, Any], status: int, path: str) -> dict[str, Any]:
    """An error body as OpenAI's clients know it, or as Anthropic's do under /v1/messages."""
    if "/messages" not in path:
        return content
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    detail = content["error"]
    more = {
        name: value
        for name, value in detail.items()
        if name in ("code", "param", "rules", "offers") and value
    }
    return {"type": "error", "error": {"type": kind, "message": detail["message"], **more}}


async def on_domain_error(request: Request, error: errors.NaesilError) -> JSONResponse:
    return response(error, request.url.path)


async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    kind = _HTTP_TYPES.get(error.status_code, "invalid_request_error")
    content = shaped(body(str(error.detail), kind), error.status_code, request.url.path)
    return JSONResponse(content, error.status_code, error.headers)


async def on_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    """The first fault of a body, named by its path; the value itself is never repeated."""
    first = error.errors()[0]
    path = _printable(".".join(str(part) for part in first["loc"] if part != "body"))
    if first["type"] == "json_invalid":
        content = body("The body is not valid JSON.", "invalid_request_error")
        return JSONResponse(shaped(content, 400, request.url.path), 400)
    if first["type"] == "extra_forbidden":
        message = f"The parameter '{path}' is not supported here. Leave it out."
    else:
        reason = _printable(str(first["msg"]).removeprefix("Value error, "))
        message = f"{path}: {reason}" if path else reason
    content = body(message, "invalid_request_error", code=first["type"], param=path or None)
    return JSONResponse(shaped(content, 400, request.url.path), 400)


def _printable(text: str) -> str:
    """A caller's field names may hold what is no text, and be as long as they please."""
    return text.encode("utf-8", "replace").decode()[:MAX_NAME]


async def on_crash(request: Request, _error: Exception) -> JSONResponse:
    content = body("Something went wrong on our side. Try again.", "server_error")
    return JSONResponse(shaped(content, 500, request.url.path), 500)
