"""Who may do what, and what happens to what was found."""

from datetime import date
from pathlib import Path

import pytest

from appliance.core import Outcome, Permission, Principal, Role
from appliance.policy.decide import decide, mask
from appliance.policy.detectors.scan import scan
from appliance.policy.documents import Direction, PolicySet
from tests.policy import policies
from tests.policy.policies import rulings


def person(*roles: Role) -> Principal:
    return Principal("u1", "user", roles=frozenset(roles))


def rule(name: str, kinds: str, action: str) -> str:
    return f"{{id: {name}, directions: [prompt], detectors: [{kinds}], action: {action}, {policies.REASON}}}"


MEMBER = person(Role.MEMBER)


def test_a_member_may_chat_and_not_manage(shipped: PolicySet) -> None:
    assert decide(shipped, MEMBER, Permission.CHAT_USE).outcome is Outcome.ALLOWED
    refused = decide(shipped, MEMBER, Permission.USER_MANAGE)
    assert refused.outcome is Outcome.REFUSED
    assert refused.rules == ("A-0",)
    assert refused.reason == "No rule allows this."
    assert refused.policy_revision == shipped.revision


@pytest.mark.parametrize("permission", list(Permission))
def test_somebody_without_a_role_may_do_nothing(shipped: PolicySet, permission: Permission) -> None:
    assert not decide(shipped, person(), permission).permitted


def test_every_permission_is_somebodys(shipped: PolicySet) -> None:
    everyone = person(*Role)
    assert all(decide(shipped, everyone, permission).permitted for permission in Permission)


def test_administrators_do_not_read_the_log(shipped: PolicySet) -> None:
    assert not decide(shipped, person(Role.ADMINISTRATOR), Permission.AUDIT_READ).permitted


def test_a_deny_beats_every_allow(tmp_path: Path) -> None:
    access = (Path(__file__).parents[2] / "policies" / "access.yaml").read_text("utf-8")
    access += f"""
  - id: A-9
    effect: deny
    roles: [auditor]
    permissions: [chat:conversation:use]
    {policies.REASON}
"""
    policy = policies.load_with(tmp_path, access=access)
    decision = decide(policy, person(Role.MEMBER, Role.AUDITOR), Permission.CHAT_USE)
    assert decision.outcome is Outcome.REFUSED
    assert decision.rules == ("A-9",)


def test_personal_data_is_masked_and_the_rule_named(shipped: PolicySet, today: date) -> None:
    findings = scan("900101-1234567와 4111-1111-1111-1111, 010-1234-5678", today)
    decision = decide(shipped, MEMBER, Permission.CHAT_USE, findings)
    assert decision.outcome is Outcome.MASKED
    assert decision.rules == ("P-3", "P-2")
    assert decision.detections == {"rrn": 1, "card": 1}


def test_a_block_beats_a_mask(tmp_path: Path, today: date) -> None:
    rules = [
        rule("T-1", "rrn, card", "mask"),
        rule("T-2", "card", "block"),
        rule("T-3", "card", "allow"),
    ]
    policy = policies.load_with(
        tmp_path, dlp="version: 1\nrules:\n" + "".join(f"  - {text}\n" for text in rules)
    )
    findings = scan("900101-1234567, 4111-1111-1111-1111", today)
    decision = decide(policy, MEMBER, Permission.CHAT_USE, findings)
    assert decision.outcome is Outcome.BLOCKED
    assert decision.rules == ("T-2",)
    assert decision.detections == {"card": 1}


def test_a_refused_person_learns_nothing_about_findings(shipped: PolicySet, today: date) -> None:
    decision = decide(shipped, person(), Permission.CHAT_USE, scan("900101-1234567", today))
    assert decision.rules == ("A-0",)
    assert decision.detections == {}


def test_rules_are_explained_in_both_languages(shipped: PolicySet, today: date) -> None:
    assert shipped.explain("P-3", "ko").startswith("고유식별정보")
    assert shipped.explain("P-3", "en").startswith("The four unique identifiers")
    assert shipped.explain("P-999") == ""
    decision = decide(shipped, MEMBER, Permission.CHAT_USE, scan("900101-1234567", today))
    assert decision.reason == shipped.explain("P-3", "en")


def test_what_no_rule_names_stays_readable(shipped: PolicySet, today: date) -> None:
    text = "홍길동 과장, a@example.com, 900101-1234567"
    masked = mask(text, scan(text, today), rulings(shipped), Direction.REPLY)
    assert masked.text == "홍길동 과장, a@example.com, 90****-*******"


def test_limits_come_from_the_group_of_the_role(tmp_path: Path, shipped: PolicySet) -> None:
    limits = (Path(__file__).parents[2] / "policies" / "limits.yaml").read_text("utf-8")
    limits = limits.replace(
        "groups: []",
        "groups:\n  - {name: 감사실, roles: [auditor], running: 2, waiting: 8, weight: 0.5, "
        "max_tokens: 2048, message_bytes: 65536, requests_per_minute: 60}",
    )
    policy = policies.load_with(tmp_path, limits=limits)
    assert policy.limits_for(person(Role.AUDITOR)).running == 2
    assert policy.limits_for(MEMBER) == shipped.limits_for(MEMBER)


def test_what_the_rules_allow_is_allowed_by_their_names(tmp_path: Path, today: date) -> None:
    text = rule("T-3", "rrn, card", "allow")
    policy = policies.load_with(tmp_path, dlp=f"version: 1\nrules:\n  - {text}\n")
    decision = decide(policy, MEMBER, Permission.CHAT_USE, scan("4111-1111-1111-1111", today))
    assert (decision.outcome, decision.rules) == (Outcome.ALLOWED, ("T-3",))
    assert decision.policy_revision == policy.revision


def test_what_was_masked_is_counted_by_its_kind(shipped: PolicySet, today: date) -> None:
    text = "900101-1234567, 4111-1111-1111-1111, 900101-1234567"
    masked = mask(text, scan(text, today), shipped.rulings(MEMBER), Direction.PROMPT)
    assert masked.detections == {"rrn": 2, "card": 1}
