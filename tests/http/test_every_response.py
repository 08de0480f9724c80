"""Whatever address is asked for, in whatever way and by whom: the answer carries the protective headers."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from starlette.testclient import TestClient

from appliance.http.headers import ALWAYS
from tests.http.conftest import ORIGIN, Client
from tests.http.fakes import House

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
FEWEST_ROUTES = 40
ODD = (
    "/%00",
    "/..%2f..%2fetc/passwd",
    "//evil.example/",
    "/static/",
    "/chat/" + "x" * 3000,
    "/v1",
    "/v1/%ff",
)


def test_every_route_and_method_answers_with_them(
    house: House, admin: Client, alice: Client, stranger: Client
) -> None:
    addresses = sorted({_filled(path) for path in _paths(house.site.routes)})
    assert len(addresses) >= FEWEST_ROUTES
    seen = set()
    for client, address, method in product((admin, alice, stranger), (*addresses, *ODD), METHODS):
        with client.http.stream(method, address, headers=_headers(method)) as response:
            seen.add(response.status_code)
            _protected(response, f"{method} {address}")
            assert method != "TRACE" or response.status_code >= 400, address
    assert {200, 303, 401, 403, 404, 405} <= seen


def test_a_download_and_a_refused_body_have_them(admin: Client) -> None:
    made = admin.post("/console/egress/attest").headers["location"]
    download = admin.get(f"{made}/note")
    assert download.headers["content-disposition"].startswith("attachment")
    _protected(download, "a download")
    for headers in (
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Length": "99999999"},
    ):
        refused = admin.http.post("/chat", content=b"\xff" * 10, headers=headers)
        assert refused.status_code >= 400
        _protected(refused, str(headers))


def test_a_crash_in_a_download_has_them(house: House) -> None:
    house.proving.attestations.newest = None  # type: ignore[method-assign,assignment]  # provokes a TypeError
    token = house.person("root", "administrator")[1]
    with TestClient(house.site, base_url=ORIGIN) as http:
        http.cookies.set("naesil", token)
        crashed = http.get("/console/egress")
    assert crashed.status_code == 500
    _protected(crashed, "a crash")


def _paths(routes: Sequence[Any], prefix: str = "") -> Iterator[str]:
    """The addresses of all routes, those of included routers and mounted applications too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        mounted = getattr(route, "app", None) if type(route).__name__ == "Mount" else None
        if inner is not None:
            yield from _paths(inner.routes, prefix)
        elif mounted is not None:
            yield from _paths(getattr(mounted, "routes", []), prefix + route.path)
        else:
            yield prefix + route.path


def _filled(path: str) -> str:
    """A path with something in each of its places."""
    parts = (part.split("{")[0] + "nothing" if "{" in part else part for part in path.split("/"))
    return "/".join(parts)


def _headers(method: str) -> dict[str, str]:
    """As a page of ours asks."""
    return {"Accept": "text/html", "Sec-Fetch-Site": "same-origin" if method == "POST" else "none"}


def _protected(response: Any, what: str) -> None:
    for name, value in ALWAYS.items():
        assert response.headers.get_list(name) == [value], (what, name)
    assert "cache-control" in response.headers, what
    kind = response.headers.get("content-type", "")
    assert kind or response.headers.get("content-length", "0") == "0", what
    assert "charset=utf-8" in kind or not kind.startswith("text/"), (what, kind)
