"""What the OpenAPI document says about answers: every error has one shape, streams are events."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from appliance.http.api.objects import AnthropicError, ErrorBody

TITLE = "Naesil API"
_ERRORS = {
    400: "The request is wrong; `param` names the field",
    401: "No key, or one that is wrong, expired or revoked",
    403: "Not allowed, or stopped by a rule of the policy",
    404: "There is no such thing here",
    409: "A request with this Idempotency-Key is still running",
    413: "Longer than what is accepted",
    415: "The body is not JSON",
    422: "This Idempotency-Key was used with another body",
    429: "Too many requests; see Retry-After",
    500: "A fault of ours",
    503: "The model or the store is not there just now; see Retry-After",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "model": ErrorBody} for status, words in _ERRORS.items()
}


_EVENT = {  # each event, as its fields
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["data"],
}


def answers_with(
    model: type[BaseModel], *, stream: type[BaseModel] | None = None
) -> dict[int | str, dict[str, Any]]:
    """The 200 of an endpoint: JSON, and server-sent events where it can stream."""
    answer: dict[str, Any] = {"model": model, "description": "The answer"}
    if stream is not None:
        name = f"`{stream.__name__}` objects" if stream is not BaseModel else "events"
        answer["content"] = {
            "text/event-stream": {"schema": _EVENT, "x-events": f"{name} as server-sent events"}
        }
    return {200: answer}


def anthropic_errors() -> dict[int | str, dict[str, Any]]:
    """The errors of the endpoints that speak Anthropic's language."""
    return {status: {"description": words, "model": AnthropicError} for status, words in _ERRORS.items()}


def document(api: FastAPI, version: str) -> dict[str, Any]:
    """The OpenAPI document of /v1."""
    found = get_openapi(
        title=TITLE,
        version=version,
        description="An OpenAI-compatible API, with Anthropic's messages beside it.",
        routes=api.routes,
        servers=[{"url": "/v1"}],
    )
    schemes = found.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {"type": "http", "scheme": "bearer"}
    found["security"] = [{"key": []}]
    return found
