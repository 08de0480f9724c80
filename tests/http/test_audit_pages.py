"""Auditors look through the log; nobody else does; each look is in the log."""

from contextlib import ExitStack

import pytest

from appliance.audit.actions import AuditAction
from appliance.core import Role
from tests.http.conftest import Client, _client
from tests.http.fakes import House

AUDITORS_ONLY = ["/console/audit", "/console/audit/entries/0"]


@pytest.fixture
def auditor(house: House, clients: ExitStack) -> Client:
    client = _client(house, clients, house.person("한감사", Role.AUDITOR)[1])
    house.recorded()
    return client


@pytest.mark.parametrize("path", AUDITORS_ONLY)
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.POLICY_ADMINISTRATOR, Role.MEMBER])
def test_nobody_but_an_auditor_reads_the_log(house: House, clients: ExitStack, path: str, role: Role) -> None:
    client = _client(house, clients, house.person("somebody", role)[1])
    assert client.get(path).status_code == 403
    assert house.recorded()[-1].action == AuditAction.ACCESS_REFUSED


def test_every_look_is_an_entry_with_what_was_looked_for(house: House, auditor: Client) -> None:
    assert auditor.get("/console/audit?outcome=blocked&user=nobody").status_code == 200
    looked = house.recorded()[-1]
    assert (looked.action, looked.object) == (AuditAction.AUDIT_READ, "log")
    assert looked.reason == "user=nobody&outcome=blocked"
    auditor.get("/console/audit/entries/0")
    looked = house.recorded()[-1]
    assert (looked.action, looked.object) == (AuditAction.ENTRY_READ, "entry:0")


def test_filters_find_a_person_by_name_and_keep_what_was_typed(house: House, auditor: Client) -> None:
    house.person("kim")
    house.recorded()
    page = auditor.get("/console/audit?user=KIM&action=identity:user:create&start=2026-03-02T00:00").text
    assert 'value="KIM"' in page
    assert page.count("<td><code>identity:user:create</code></td>") == 1
    assert auditor.get("/console/audit?user=kim&end=2026-03-02T00:00").text.count("<td class") == 0


@pytest.mark.parametrize("address", ["start=yesterday", "before=x", "before=-1", f"user={'x' * 300}"])
def test_a_filter_that_makes_no_sense_is_said_so(auditor: Client, address: str) -> None:
    answer = auditor.get(f"/console/audit?{address}")
    assert answer.status_code == 400
    assert 'role="alert">' in answer.text


def test_pages_follow_one_another_to_the_first_entry(house: House, auditor: Client) -> None:
    for number in range(60):
        house.person(f"person {number}")
    house.recorded()
    first = auditor.get("/console/audit").text
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = auditor.get(following).text
    numbers = [
        int(part.split("</a>")[0].split(">")[1])
        for page in (first, second)
        for part in page.split("entries/")[1:]
    ]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 100


def test_an_entry_shows_its_place_and_proof(house: House, auditor: Client) -> None:
    made = next(leaf for leaf in house.recorded() if leaf.action == "identity:user:create")
    page = auditor.get(f"/console/audit/entries/{made.index}").text
    assert "under the signed checkpoint of" in page
    assert "naesil.log/" in page
    assert "identity:user:create" in page
    assert auditor.get("/console/audit/entries/99999").status_code == 404
    assert auditor.get("/console/audit/entries/x").status_code == 404


def test_views_are_kept_found_and_removed_by_their_owner_alone(
    house: House, auditor: Client, clients: ExitStack
) -> None:
    saved = auditor.post("/console/audit/views", name="막은 것", outcome="blocked")
    assert saved.headers["location"] == "/console/audit?outcome=blocked"
    assert "막은 것" in auditor.get("/console/audit").text
    assert auditor.post("/console/audit/views", name="막은 것").status_code == 409
    (view,) = house.services.oversight.viewer.views(house.principal("한감사"))
    other = _client(house, clients, house.person("other", Role.AUDITOR)[1])
    assert "막은 것" not in other.get("/console/audit").text
    assert other.post(f"/console/audit/views/{view.id}/remove").status_code == 404
    assert auditor.post(f"/console/audit/views/{view.id}/remove").status_code == 303
    actions = [leaf.action for leaf in house.recorded()]
    assert actions.count(AuditAction.VIEW_SAVED) == actions.count(AuditAction.VIEW_REMOVED) == 1
