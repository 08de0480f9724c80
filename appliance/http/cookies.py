"""The cookies we set, and nothing else sets: session, form secret, and preferences.

`__Host-` names (RFC 6265bis, 4.1.3.2) whenever browsers reach us over TLS; on plain loopback
browsers would refuse them, so the bare names are used there.
"""

from typing import Literal

from fastapi import Request, Response

SESSION = "naesil"
VISITOR = "naesil-visitor"
LANGUAGE = "naesil-language"
THEME = "naesil-theme"
SEND_KEY = "naesil-send"
SINGLE_KEYS = "naesil-keys"
NOTICE = "naesil-notice"

YEAR_S = 365 * 24 * 3600
SESSION_S = 7 * 24 * 3600  # the server ends sessions earlier; this only bounds the browser's copy


class Cookies:
    """Reads and writes them under the names that fit the transport."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def read(self, request: Request, name: str) -> str:
        return request.cookies.get(self._name(name), "")

    def keep(self, response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
        """Set it for `max_age` seconds, or until the browser closes."""
        same_site: Literal["strict", "lax"] = "strict" if name in (SESSION, VISITOR) else "lax"
        response.set_cookie(
            self._name(name), value, max_age=max_age, path="/",
            secure=self._secure, httponly=True, samesite=same_site,
        )  # fmt: skip

    def forget(self, response: Response, name: str) -> None:
        response.delete_cookie(self._name(name), path="/", secure=self._secure, httponly=True)

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else name
