"""The policies in the console: a draft from its first line to its activation, and back."""

from appliance.core import Role
from tests.http.conftest import Client
from tests.http.fakes import House

PATH = "/console/policies"
RULE = """
  - id: P-9
    directions: [prompt]
    detectors: [email]
    action: block
    reason: {ko: 시험, en: Test}
"""


def begin(admin: Client) -> str:
    """The address of a new draft."""
    return str(admin.post(f"{PATH}/drafts", note="stricter").headers["location"])


def write(house: House, admin: Client, draft: str, more: str) -> None:
    text = house.policies.draft(draft.rsplit("/", 1)[1]).files["dlp.yaml"]
    assert admin.post(f"{draft}/files/dlp.yaml", text=text + more).status_code == 303


def test_a_draft_goes_from_its_first_line_into_force_and_back(house: House, admin: Client) -> None:
    draft = begin(admin)
    assert "version: 1" in admin.get(f"{draft}/files/dlp.yaml").text
    write(house, admin, draft, RULE)
    page = admin.get(draft).text
    assert "Nothing is wrong with it" in page
    assert "P-9" in page
    assert "0 requests" in admin.post(f"{draft}/replay", days="7").text
    assert admin.post(f"{draft}/activate").headers["location"] == PATH
    assert "P-9" in house.gate.policy.reasons
    admin.post(f"{PATH}/rollback", number="1", expected="2")
    assert house.policies.revisions.number() == 3
    assert "P-9" not in house.gate.policy.reasons
    assert "version: 1" in admin.get(f"{PATH}/revisions/2").text


def test_mistakes_are_named_on_the_page_and_nothing_is_activated(house: House, admin: Client) -> None:
    draft = begin(admin)
    write(house, admin, draft, "rulez: []\n")
    assert "unknown key" in admin.get(draft).text
    assert admin.post(f"{draft}/activate").status_code == 400
    assert house.policies.revisions.number() == 1


def test_of_two_the_second_is_told(house: House, admin: Client) -> None:
    mine, theirs = begin(admin), begin(admin)
    write(house, admin, mine, RULE)
    write(house, admin, theirs, RULE.replace("P-9", "P-8"))
    admin.post(f"{theirs}/activate")
    late = admin.post(f"{mine}/activate")
    assert late.status_code == 409
    assert "revision 2" in late.text
    assert admin.post(f"{PATH}/rollback", number="1", expected="1").status_code == 409


def test_an_auditor_reads_and_changes_nothing(house: House, admin: Client, alice: Client) -> None:
    draft = begin(admin)
    alice.http.cookies.set("naesil", house.person("auditor", Role.AUDITOR)[1])
    assert alice.get(PATH).status_code == alice.get(draft).status_code == 200
    assert "Begin a draft" not in alice.get(PATH).text
    for action in ("activate", "discard", "approve", "propose", "try", "replay"):
        assert alice.post(f"{draft}/{action}", days="1").status_code == 403, action
