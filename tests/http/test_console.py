"""Who sees what of the console."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from appliance.audit.actions import AuditAction
from appliance.core import Permission, Role
from appliance.errors import Unavailable
from appliance.http.console import PAGES
from tests.http.conftest import Client, _client
from tests.http.fakes import House


def role(house: House, clients: ExitStack, name: Role) -> Client:
    return _client(house, clients, house.person(name, name)[1])


def sections(client: Client, page: str) -> list[str]:
    """The addresses in the navigation of a page."""
    text = client.get(page).text.split('class="sections"')[1].split("</nav>")[0]
    return [part.split('"')[0] for part in text.split('href="')[1:]]


def test_a_member_has_no_console_and_no_link_to_it(house: House, alice: Client) -> None:
    refused = alice.get("/console")
    assert refused.status_code == 403
    assert "administrators and auditors" in refused.text
    assert 'href="/console"' not in alice.get("/chat").text
    assert not any(leaf.action == AuditAction.ACCESS_REFUSED for leaf in house.recorded())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.SECTION.path)
def test_a_page_is_refused_with_its_rule_and_the_refusal_recorded(
    house: House, alice: Client, page: SimpleNamespace
) -> None:
    refused = alice.get(page.SECTION.path)
    assert refused.status_code == 403
    assert "Rule A-0" in refused.text
    assert house.recorded()[-1].object == f"permission:{page.SECTION.permission}"


@pytest.mark.parametrize("name", [Role.ADMINISTRATOR, Role.POLICY_ADMINISTRATOR, Role.AUDITOR])
def test_the_navigation_shows_exactly_what_opens(house: House, clients: ExitStack, name: Role) -> None:
    client = role(house, clients, name)
    start = client.get("/console")
    assert start.status_code == 303
    shown = sections(client, start.headers["location"])
    for page in PAGES:
        path = page.SECTION.path
        assert (client.get(path).status_code == 200) == (path in shown), path


def test_a_stranger_signs_in_first(stranger: Client) -> None:
    answer = stranger.get("/console/dashboard")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/console/dashboard")


def test_the_dashboard_shows_counts_speeds_and_the_model(admin: Client) -> None:
    page = admin.get("/console/dashboard").text
    for text in ("3 / 16", "812.5", "95.2", "apache-2.0", "5a" * 32):
        assert text in page, text


def test_the_dashboard_says_so_when_there_is_no_model(house: House, admin: Client) -> None:
    async def away() -> None:
        raise Unavailable("gone")

    house.inference.model = None  # type: ignore[assignment]
    house.inference.stats = away  # type: ignore[method-assign,assignment]
    page = admin.get("/console/dashboard").text
    assert "The model is not answering just now" in page
    assert "No model is loaded" in page


def test_every_permission_of_the_navigation_is_a_reading_one() -> None:
    readings = {page.SECTION.permission for page in PAGES}
    assert readings <= set(Permission)
    assert all(not value.endswith((":edit", ":destroy", ":activate")) for value in readings)
