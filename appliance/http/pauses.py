"""Telling a program, in a header, how long to wait before it tries again (RFC 9110, 10.2.3)."""

from fastapi import Response

from appliance.errors import LimitReached, NaesilError, Unavailable


def with_pause(page: Response, error: NaesilError) -> Response:
    """The same page, with Retry-After when the error says how long."""
    if isinstance(error, (LimitReached, Unavailable)):
        page.headers["Retry-After"] = str(error.retry_after)
    return page
