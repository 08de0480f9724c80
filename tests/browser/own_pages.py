"""Every page outside the console by route, so that a new one is not forgotten."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.http.permissions import ROUTES

# Addresses that are no pages: files, programs' answers, streams, and doors that lead on at once.
NO_PAGES = frozenset(
    {
        "GET /static/{version}/{name:path}",
        "GET /health",
        "GET /metrics",
        "GET /chat/{conversation_id}/answers/{answer_id}",
        "GET /temporary/{talk_id}/answers/{answer_id}",
    }
)
LEADS_ON = frozenset({"GET /", "GET /sign-in/code"})

# For somebody who is not signed in.
OUTSIDE: Mapping[str, str] = MappingProxyType(
    {
        "GET /setup/{token}": "/setup/{setup}",
        "GET /sign-in": "/sign-in",
        "GET /welcome/{token}": "/welcome/{invitation}",
    }
)
# For somebody who is: {conversation} and so on stand for things of theirs.
INSIDE: Mapping[str, str] = MappingProxyType(
    {
        "GET /chat": "/chat",
        "GET /chat/{conversation_id}": "/chat/{conversation}",
        "GET /chat/{conversation_id}/messages/{message_id}/edit": (
            "/chat/{conversation}/messages/{message}/edit"
        ),
        "GET /chat/{conversation_id}/rename": "/chat/{conversation}/rename",
        "GET /chat/{conversation_id}/delete": "/chat/{conversation}/delete",
        "GET /search": "/search?q=정리",
        "GET /account": "/account",
        "GET /account/data": "/account/data",
        "GET /account/usage": "/account/usage",
        "GET /account/security": "/account/security",
        "GET /account/confirm": "/account/confirm",
        "GET /account/password": "/account/password",
        "GET /account/second-factor": "/account/second-factor",
        "GET /assistants": "/assistants",
        "GET /assistants/{assistant_id}": "/assistants/{assistant}",
        "GET /prompts": "/prompts",
        "GET /prompts/{prompt_id}": "/prompts/{prompt}",
        "GET /compare": "/compare",
        "GET /compare/{conversation_id}/{message_id}": "/compare/{conversation}/{message}",
        "GET /temporary": "/temporary",
        "GET /temporary/{talk_id}": "/temporary/{talk}",
        "GET /link": "/link?to=https://example.com/x",
    }
)


def expected() -> set[str]:
    """The rows of tests/http/permissions.py that must be looked at here."""
    elsewhere = ("GET /console", "GET /v1", "POST ")
    return {row for row in ROUTES if not row.startswith(elsewhere)} - NO_PAGES - LEADS_ON
