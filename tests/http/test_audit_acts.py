"""What auditors do on the console's pages: verify, export, review. Without a script in the browser."""

import io
import time
import zipfile
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from appliance.audit.actions import AuditAction
from appliance.core import Role
from tests.http.conftest import Client, _client
from tests.http.fakes import House

ACTS = ["/console/audit/verify", "/console/audit/export", "/console/audit/review"]


@pytest.fixture
def auditor(house: House, clients: ExitStack) -> Client:
    client = _client(house, clients, house.person("한감사", Role.AUDITOR)[1])
    house.seal()
    return client


def ended(client: Client, path: str) -> str:
    """The page once the work on it is done; until then it asks the browser to come back."""
    until = time.monotonic() + 30
    while True:
        answer = client.get(path)
        if "Refresh" not in answer.headers:
            assert answer.status_code == 200
            page: str = answer.text
            return page
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.POLICY_ADMINISTRATOR, Role.MEMBER])
def test_these_pages_are_for_auditors_alone(house: House, clients: ExitStack, path: str, role: Role) -> None:
    client = _client(house, clients, house.person("somebody", role)[1])
    assert client.get(path).status_code == 403
    assert client.post(path, reason="curiosity").status_code == 403


def test_the_log_is_verified_and_the_finding_recorded(house: House, auditor: Client) -> None:
    assert auditor.post("/console/audit/verify").status_code == 303
    assert "The log is as it was signed" in ended(auditor, "/console/audit/verify")
    leaf = house.recorded()[-1]
    assert (leaf.action, leaf.outcome) == (AuditAction.AUDIT_VERIFIED, "allowed")


def test_a_changed_log_is_named(house: House, auditor: Client) -> None:
    with house.database.write() as session:
        session.execute(text("UPDATE audit_entries SET actor = 'mallory' WHERE \"index\" = 1"))
    auditor.post("/console/audit/verify")
    page = ended(auditor, "/console/audit/verify")
    assert "Entry 1 is not as it was signed" in page


def test_an_export_demands_a_reason_and_is_fetched_under_record(house: House, auditor: Client) -> None:
    refused = auditor.post("/console/audit/export", reason="   ")
    assert refused.status_code == 400
    assert 'role="alert">' in refused.text
    assert auditor.post("/console/audit/export", reason="정기 점검").status_code == 303
    page = ended(auditor, "/console/audit/export")
    address = page.split('href="/console/audit/export/')[1].split('"')[0]
    file = auditor.get(f"/console/audit/export/{address}")
    assert file.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(file.content)).namelist()
    assert any(name.endswith(".jsonl") for name in names)
    leaves = house.recorded()
    assert [leaf.reason for leaf in leaves if leaf.action == AuditAction.AUDIT_EXPORTED] == ["정기 점검"]
    assert leaves[-1].action == AuditAction.EXPORT_FETCHED


@pytest.mark.parametrize(
    "name", ["naesil.db", "..%2Fnaesil.db", "naesil-audit-20260101T000000Z.zip", "x.zip"]
)
def test_no_other_file_can_be_fetched(auditor: Client, name: str) -> None:
    assert auditor.get(f"/console/audit/export/{name}").status_code == 404


def test_a_review_is_read_and_signed(house: House, auditor: Client) -> None:
    house.clock.advance(40 * 86400)
    page = auditor.get("/console/audit/review?month=2026-03")
    assert page.status_code == 303  # the session is long over
    client = Client(auditor.http, house.again("한감사"))
    house.seal()
    page = client.get("/console/audit/review?month=2026-03")
    sha256 = page.text.split('name="sha256" value="')[1].split('"')[0]
    signed = client.post("/console/audit/review", month="2026-03", sha256=sha256, note="확인함")
    assert signed.status_code == 303
    house.seal()
    page = client.get("/console/audit/review?month=2026-03").text
    assert "확인함" in page
    assert client.post("/console/audit/review", month="2026-03", sha256="0" * 64).status_code == 409
    assert client.get("/console/audit/review?month=2026-3").status_code == 400
    assert "This month is not over yet" in client.get("/console/audit/review?month=2026-04").text
