"""Files of ours by name, never by path."""

import pytest

from tests.http.conftest import Client


@pytest.mark.parametrize(
    "path",
    [
        "/static/x/../templates/layout.html",
        "/static/x/..%2Ftemplates%2Flayout.html",
        "/static/x/%2e%2e/%2e%2e/pyproject.toml",
        "/static/x//etc/passwd",
        "/static/x/js/",
        "/static/x/",
        "/static/",
        "/static/x/css/naesil.css%00.js",
    ],
)
def test_nothing_else_can_be_reached(stranger: Client, path: str) -> None:
    assert stranger.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("css/naesil.css", "text/css; charset=utf-8"),
        ("js/chat.js", "text/javascript; charset=utf-8"),
        ("icons/mark.svg", "image/svg+xml"),
    ],
)
def test_types_are_exact(stranger: Client, name: str, kind: str) -> None:
    assert stranger.get(f"/static/x/{name}").headers["content-type"] == kind


def test_an_unchanged_file_is_not_sent_again(stranger: Client) -> None:
    first = stranger.get("/static/x/js/chat.js")
    assert first.headers["cache-control"] == "no-cache"  # another version's address
    again = stranger.get("/static/x/js/chat.js", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
