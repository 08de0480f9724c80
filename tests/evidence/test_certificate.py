"""A certificate of destruction is a file that anyone verifies, and says nothing but what was signed."""

import json
from pathlib import Path

import pytest

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.core import Outcome
from appliance.errors import NotFound
from appliance.evidence.keys import KeyRing
from appliance.evidence.singlecheck import check_file
from appliance.evidence.verdict import Verdict
from tests.evidence.conftest import AUDITOR, NOW, Site


def destroyed(site: Site) -> str:
    """The entry's id."""
    entry = Entry(
        action=AuditAction.SUBJECT_ERASED, actor=AUDITOR, outcome=Outcome.ALLOWED,
        object="user:alice", subject="alice", task="retention", reason="conversations 3 messages 9",
    )  # fmt: skip
    with site.database.write() as session:
        return site.audit.append(session, entry)


def check(site: Site, folder: Path, text: str) -> Verdict:
    (folder / "certificate").write_text(text)
    return check_file(folder / "certificate", KeyRing.parse(site.keys.text), now=NOW)


def test_a_certificate_verifies_by_id_and_by_index(site: Site, tmp_path: Path) -> None:
    site.fill(3)
    entry_id = destroyed(site)
    for name in (entry_id, "3"):
        verdict = check(site, tmp_path, site.giving().certificate(AUDITOR, name))
        assert (verdict.ok, verdict.kind, verdict.first) == (True, "certificate", 3)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("subject", "bob", "certificate-words"),
        ("reason", "conversations 4 messages 9", "certificate-words"),
        ("more", "all backups too", "certificate-words"),
        ("proof", "", "proof-form"),
    ],
)
def test_a_changed_certificate_is_named(site: Site, tmp_path: Path, name: str, value: str, code: str) -> None:
    values = json.loads(site.giving().certificate(AUDITOR, destroyed(site)))
    verdict = check(site, tmp_path, json.dumps(values | {name: value}))
    assert [one.code for one in verdict.faults] == [code]


def test_nothing_else_gets_a_certificate(site: Site) -> None:
    site.fill(2)
    for name in ("0", "9", "01a20d30-f845-7cc2-a1ae-8295693733ae", "٣", "-1"):
        with pytest.raises(NotFound):
            site.giving().certificate(AUDITOR, name)


def test_an_entry_of_something_else_is_no_certificate(site: Site, tmp_path: Path) -> None:
    site.fill(2)
    values = json.loads(site.giving().certificate(AUDITOR, destroyed(site)))
    values["proof"] = site.giving().entry(AUDITOR, 0)
    assert [one.code for one in check(site, tmp_path, json.dumps(values)).faults] == ["certificate-form"]
