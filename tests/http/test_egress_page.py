"""The guard's page: what it shows, who may attack, what an attestation looks like on paper."""

from contextlib import ExitStack

import pytest

from appliance.core import Role
from appliance.egress import attestation
from appliance.errors import Unavailable
from appliance.tlog.note import Signer
from tests.http.conftest import Client
from tests.http.fakes import House
from tests.http.test_console import role

PAGE = "/console/egress"


def test_it_shows_the_kernels_words_and_the_open_sockets(admin: Client) -> None:
    page = admin.get(PAGE).text
    for words in ("Seccomp 2, filters 1", "127.0.0.1:8080", "It has not run yet since the start."):
        assert words in page, words


def test_an_attack_shows_its_table_and_who_asked_is_known(house: House, admin: Client) -> None:
    page = admin.post(f"{PAGE}/probe")
    assert page.status_code == 200
    assert "nothing got out" in page.text
    assert "tcp_connect" in page.text
    assert house.proving.asked_by == [house.accounts.find("admin").id]


def test_a_leak_is_an_alarm(house: House, admin: Client) -> None:
    house.proving.leaking = True
    page = admin.post(f"{PAGE}/probe").text
    assert "The self-attack got out" in page
    assert "<strong><code>LEAKED</code></strong>" in page


def test_an_attestation_is_shown_for_printing_and_its_note_verifies(admin: Client) -> None:
    made = admin.post(f"{PAGE}/attest")
    assert made.status_code == 303
    address = made.headers["location"]
    assert address in admin.get(PAGE).text
    assert "tcp_connect" in admin.get(address).text
    note = admin.get(f"{address}/note")
    assert note.headers["content-disposition"].startswith("attachment")
    values = attestation.check(note.text, Signer("naesil.log/test", bytes(32)).verifier)
    assert (values["leaked"], values["level"]) == ("0", "kernel")


@pytest.mark.parametrize("name", ["x", "..%2f..%2fkeys%2froot.key", "20260302T090000Z-aaaaaaaaaaaa"])
def test_no_other_file_can_be_had_by_name(admin: Client, name: str) -> None:
    assert admin.get(f"{PAGE}/attestations/{name}").status_code == 404
    assert admin.get(f"{PAGE}/attestations/{name}/note").status_code == 404


def test_a_policy_administrator_looks_and_does_not_attack(house: House, clients: ExitStack) -> None:
    reader = role(house, clients, Role.POLICY_ADMINISTRATOR)
    assert reader.get(PAGE).status_code == 200
    assert 'action="/console/egress/probe"' not in reader.get(PAGE).text
    assert reader.post(f"{PAGE}/probe").status_code == 403
    assert reader.post(f"{PAGE}/attest").status_code == 403
    assert house.proving.asked_by == []


def test_without_an_answer_the_page_says_so(house: House, admin: Client) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("The finding could not be recorded.")

    house.proving.status = away  # type: ignore[method-assign,assignment]
    house.proving.probe = away  # type: ignore[method-assign,assignment]
    assert "The supervisor did not answer" in admin.get(PAGE).text
    refused = admin.post(f"{PAGE}/probe")
    assert refused.status_code == 503
    assert "could not be recorded" in refused.text


def test_the_dashboard_tells_how_the_last_attack_ended(house: House, admin: Client) -> None:
    assert "is not over yet" in admin.get("/console/dashboard").text
    admin.post(f"{PAGE}/probe")
    assert "Nothing got out" in admin.get("/console/dashboard").text
    house.proving.leaking = True
    admin.post(f"{PAGE}/probe")
    assert "Something got out" in admin.get("/console/dashboard").text
