"""Every response carries the same protective headers, whoever made it."""

import pytest
from starlette.testclient import TestClient

from appliance.http.headers import ALWAYS, CONTENT_SECURITY_POLICY
from tests.http.conftest import Client, script
from tests.http.fakes import House

DESIGNED = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; "
    "frame-src 'none'; worker-src 'none'; media-src 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)


def test_the_policy_is_the_one_that_was_designed() -> None:
    assert CONTENT_SECURITY_POLICY == DESIGNED


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 303),
        ("/sign-in", 200),
        ("/chat", 303),
        ("/nothing", 404),
        ("/sign-out", 405),
        ("/health", 200),
        ("/static/x/css/naesil.css", 200),
        ("/static/x/none.css", 404),
        ("/setup/wrong", 404),
        ("/v1/models", 401),
        ("/v1/nothing", 404),
    ],
)
def test_any_kind_of_response_has_them(stranger: Client, path: str, status: int) -> None:
    response = stranger.get(path)
    assert response.status_code == status
    for name, value in ALWAYS.items():
        assert response.headers.get_list(name) == [value]


def test_refusals_of_the_middleware_have_them(stranger: Client) -> None:
    too_large = stranger.post("/sign-in", name="x" * 1_100_000)
    foreign_host = stranger.get("/", Host="evil.example")
    foreign_page = stranger.http.post("/sign-in", headers={"Sec-Fetch-Site": "cross-site"})
    assert (too_large.status_code, foreign_host.status_code, foreign_page.status_code) == (413, 400, 403)
    for response in (too_large, foreign_host, foreign_page):
        assert response.headers["content-security-policy"] == DESIGNED


def test_a_crash_has_them(house: House, alice: Client) -> None:
    house.library.list = None  # type: ignore[assignment,method-assign]  # provokes a TypeError
    response = alice.get("/chat")
    assert response.status_code == 500
    assert response.headers["content-security-policy"] == DESIGNED


def test_browsers_that_come_by_tls_are_told_to_come_by_nothing_else(stranger: Client) -> None:
    assert "strict-transport-security" not in stranger.get("/sign-in").headers
    house = House(script, behind_proxy=True)
    with TestClient(house.site, base_url="https://naesil.example") as http:
        answers = [http.get(path) for path in ("/sign-in", "/nothing", "/v1/models")]
    house.close()
    told = {answer.headers["strict-transport-security"] for answer in answers}
    assert told == {"max-age=31536000; includeSubDomains"}


def test_pages_are_not_cached_and_files_are(stranger: Client) -> None:
    page = stranger.get("/sign-in")
    assert page.headers["cache-control"] == "no-store"
    address = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in stranger.get(address).headers["cache-control"]


def test_no_origin_is_let_in_by_cors(stranger: Client, alice: Client) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for client in (stranger, alice):
        for path in ("/chat", "/sign-in", "/v1/models", "/health"):
            for method in ("GET", "OPTIONS"):
                told = client.http.request(method, path, headers=asks).headers
                assert not [name for name in told if name.startswith("access-control-")], path
