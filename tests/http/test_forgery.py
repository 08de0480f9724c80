"""Nobody else's page can act in a person's name."""

from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.datastructures import Headers

from appliance.http import csrf
from appliance.http.console import STREAMED
from appliance.http.deps import submitted
from appliance.http.pages import attachments
from tests.http.conftest import ORIGIN, Client
from tests.http.fakes import House


def test_every_post_of_the_pages_reads_its_form_through_the_token_check(house: House) -> None:
    posts = [
        route
        for route in _routes(house.site.routes)
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    ]
    assert len(posts) >= 10
    for route in posts:
        if route.path == "/witness/add-checkpoint":
            continue  # no form and nobody's name: the other log's signature decides; test_witness.py
        if route.path in STREAMED:
            continue  # uploads.py checks the same token before it keeps a byte; test_models_page.py
        if route.path == attachments.ADD:
            continue  # so does attaching.py; test_attachments.py
        assert submitted in [dependency.call for dependency in route.dependant.dependencies], route.path


def _routes(routes: Sequence[object]) -> list[object]:
    """All routes, those of included routers too."""
    found: list[object] = []
    for route in routes:
        inner = getattr(route, "original_router", None)
        found += _routes(inner.routes) if inner is not None else [route]
    return found


def test_a_form_without_the_token_changes_nothing(house: House, alice: Client) -> None:
    response = alice.post("/account/keys", csrf="", label="mine")
    assert response.status_code == 403
    assert house.keys_of("alice") == []


def test_a_token_of_another_session_does_not_fit(house: House, alice: Client) -> None:
    _, other = house.person("carol")
    assert alice.post("/account/keys", csrf=csrf.token_for(other), label="mine").status_code == 403


def test_a_request_of_a_foreign_page_is_refused_even_with_a_token(alice: Client) -> None:
    token = csrf.token_for(alice.http.cookies["naesil"])
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
    ):
        response = alice.http.post("/account/keys", data={"csrf": token, "label": "x"}, headers=headers)
        assert response.status_code == 403, headers


def test_our_own_origin_is_enough_for_an_old_browser(alice: Client) -> None:
    token = csrf.token_for(alice.http.cookies["naesil"])
    data = {"csrf": token, "label": "x"}
    assert alice.http.post("/account/keys", data=data, headers={"Origin": ORIGIN}).status_code == 201


def test_a_navigation_typed_by_the_person_is_ours() -> None:
    assert csrf.from_our_pages(Headers({"sec-fetch-site": "none"}))


def test_an_empty_secret_fits_nothing() -> None:
    assert not csrf.token_fits("", csrf.token_for(""))


def test_a_form_reads_its_own_body_alone_and_the_last_of_several_fields(house: House, alice: Client) -> None:
    secret = alice.http.cookies["naesil"]
    body = f"csrf=x&label=first&csrf={csrf.token_for(secret)}&label=last"
    answer = alice.http.post(
        "/account/keys?label=address",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 201, answer.text
    assert [key.label for key in house.keys_of("alice")] == ["last"]
    elsewhere = f"/account/keys?csrf={csrf.token_for(secret)}&label=address"
    assert alice.http.post(elsewhere, data={"label": "x"}).status_code == 403
