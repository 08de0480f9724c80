"""Setting up, signing in, signing out, and where one lands."""

import pytest
from starlette.testclient import TestClient

from appliance.core import Role
from appliance.http.links import local_path
from tests.http.conftest import Client, script
from tests.http.fakes import PASSWORD, SETUP_TOKEN, House


def test_the_setup_page_makes_the_first_administrator_and_signs_them_in(
    house: House, stranger: Client
) -> None:
    stranger.get(f"/setup/{SETUP_TOKEN}")
    response = stranger.post(f"/setup/{SETUP_TOKEN}", name="관리자", password=PASSWORD, repeated=PASSWORD)
    assert (response.status_code, response.headers["location"]) == (303, "/chat")
    assert stranger.get("/chat").status_code == 200
    assert house.accounts.any_administrator()


def test_the_setup_page_is_gone_afterwards(house: House, alice: Client) -> None:
    house.person("carol", Role.ADMINISTRATOR)
    assert alice.get(f"/setup/{SETUP_TOKEN}").status_code == 404
    assert alice.post(f"/setup/{SETUP_TOKEN}", name="x", password=PASSWORD).status_code == 404


def test_a_wrong_setup_address_does_not_exist(stranger: Client) -> None:
    assert stranger.get("/setup/guess").status_code == 404


def test_the_setup_page_says_what_is_wrong_and_keeps_the_name(stranger: Client) -> None:
    stranger.get(f"/setup/{SETUP_TOKEN}")
    differ = stranger.post(f"/setup/{SETUP_TOKEN}", name="관리자", password=PASSWORD, repeated="other")
    short = stranger.post(f"/setup/{SETUP_TOKEN}", name="관리자", password="짧다", repeated="짧다")
    assert (differ.status_code, short.status_code) == (400, 400)
    assert "The two passwords differ" in differ.text
    assert "at least 8 characters" in short.text
    assert 'value="관리자"' in differ.text
    assert PASSWORD not in differ.text


def test_signing_in_sets_a_strict_cookie(house: House, stranger: Client) -> None:
    house.person("alice")
    stranger.get("/sign-in")
    response = stranger.post("/sign-in", name="alice", password=PASSWORD, next="/account")
    assert (response.status_code, response.headers["location"]) == (303, "/account")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("naesil=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie


def test_over_tls_the_cookie_is_bound_to_the_host() -> None:
    house = House(script, tls_self_signed=True)
    http = TestClient(house.site, base_url="https://naesil.example")
    cookie = http.get("/sign-in").headers["set-cookie"]
    house.close()
    assert cookie.startswith("__Host-naesil-visitor=")
    assert "Secure" in cookie


def test_a_wrong_password_is_said_so_and_waiting_is_demanded_in_the_end(
    house: House, stranger: Client
) -> None:
    house.person("alice")
    stranger.get("/sign-in")
    for _ in range(5):
        wrong = stranger.post("/sign-in", name="alice", password="wrong", next="/")
        assert wrong.status_code == 401
        assert "The name or the password is wrong." in wrong.text
    locked = stranger.post("/sign-in", name="alice", password=PASSWORD, next="/")
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) > 0


def test_signing_out_ends_the_session_and_clears_drafts(alice: Client) -> None:
    token = alice.http.cookies["naesil"]
    response = alice.post("/sign-out")
    assert response.headers["clear-site-data"] == '"storage"'
    alice.http.cookies.set("naesil", token)
    assert alice.get("/chat").headers["location"] == "/sign-in?next=/chat"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/ok\r\nSet-Cookie: x",
        "",
        "chat",
        " //evil.example",
    ],
)
def test_no_sign_in_leads_elsewhere(target: str) -> None:
    assert local_path(target) == "/"


def test_a_path_of_our_own_is_kept() -> None:
    assert local_path("/chat/0198?x=1") == "/chat/0198?x=1"
