"""The organisation's own terms and patterns: found anywhere, named in rules, refused when unbounded."""

from datetime import date
from pathlib import Path

import pytest

from appliance.config import share_folder
from appliance.core import Outcome, Permission, Principal, Role
from appliance.policy.decide import decide
from appliance.policy.detectors.finding import Level
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.patterns import BadPattern, Patterns, read_pattern
from appliance.policy.detectors.scan import scan
from appliance.policy.documents import PolicyError, load
from appliance.policy.model import Direction
from appliance.policy.stream import StreamScanner
from tests.policy.policies import REASON, rulings

TODAY = date(2026, 3, 2)
DLP = f"""
version: 1
terms: [{{name: projects, file: projects.txt}}]
patterns:
  - {{name: employee, pattern: 'EMP-[0-9]{{6}}'}}
  - {{name: file-number, pattern: '\\bNS[0-9]{{4}}-[A-Z]{{2}}\\b', level: MEDIUM}}
rules:
  - {{id: T-1, directions: [prompt], detectors: ['term:projects'], action: block, {REASON}}}
  - {{id: T-2, directions: [prompt, reply], detectors: [pattern], at_least: MEDIUM, action: mask, {REASON}}}
"""


def own(*patterns: str) -> Own:
    return Own(
        patterns=Patterns([read_pattern(f"p{at}", one, Level.HIGH) for at, one in enumerate(patterns)])
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "dlp.yaml").write_text(DLP, "utf-8")
    (tmp_path / "projects.txt").write_text("# ours\n별빛계획\n", "utf-8")
    return tmp_path


def test_patterns_are_found_beside_hangul_and_in_full_width() -> None:
    text = "사번은EMP-123456이고 ＥＭＰ－６５４３２１, 아무것도 없음"
    found = scan(text, TODAY, own("EMP-[0-9]{6}"))
    assert [text[one.start : one.end] for one in found] == ["EMP-123456", "ＥＭＰ－６５４３２１"]
    assert found[0].detector == "pattern:p0"
    assert scan("nothing here \ud800", TODAY, own("EMP-[0-9]{6}")) == ()


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+b", "largest count"),
        ("a.*b", "largest count"),
        ("[0-9]{1,500}", "largest count"),
        ("a?", "matches nothing"),
        ("^secret", "not used here"),
        ("(?:x|end$)", "not used here"),
        ("[a", "no pattern"),
        ("(?=a)a", "RE2"),
        (r"(a)\1", "RE2"),
        ("(((a{1,10}){1,10}){1,2})" * 1 + "b{1,60}", "largest count"),
    ],
)
def test_what_could_run_away_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        read_pattern("x", pattern, Level.HIGH)


def test_a_hostile_text_takes_no_longer_than_its_length() -> None:
    mine = own("(?:a{1,10}){1,15}b", "[a-z0-9]{1,60}@")
    assert scan("a" * 200_000, TODAY, mine) == ()  # a backtracking engine would not come back


def test_rules_name_lists_and_patterns(house: Path) -> None:
    policy = load(share_folder("policies"), house)
    person = Principal("u", "user", roles=frozenset({Role.MEMBER}))
    for text, outcome, rule in (
        ("별빛계획 회의", Outcome.BLOCKED, "T-1"),
        ("EMP-123456", Outcome.MASKED, "T-2"),
        ("문서 NS2026-AB", Outcome.MASKED, "T-2"),
    ):
        decision = decide(policy, person, Permission.CHAT_USE, scan(text, TODAY, policy.own))
        assert (decision.outcome, decision.rules) == (outcome, (rule,))


def test_a_reply_is_masked_by_patterns_however_it_is_cut(house: Path) -> None:
    policy = load(share_folder("policies"), house)
    text = "직원은 EMP-123456이고 문서는 NS2026-AB입니다. 나머지는 평범합니다."
    for size in (1, 4, 50):
        scanner = StreamScanner(rulings(policy), policy.own, TODAY, Direction.REPLY)
        shown = "".join(scanner.feed(text[at : at + size]) for at in range(0, len(text), size))
        assert shown + scanner.finish() == text.replace("EMP-123456", "***-******").replace(
            "NS2026-AB", "******-**"
        )


def test_a_rule_about_an_unknown_list_is_named_by_line(house: Path) -> None:
    file = house / "dlp.yaml"
    file.write_text(DLP.replace("'term:projects'", "'term:project'"), "utf-8")
    with pytest.raises(PolicyError, match=r"line 8: .*Did you mean 'term:projects'"):
        load(share_folder("policies"), house)


def test_a_bad_pattern_is_named_by_line(house: Path) -> None:
    (house / "dlp.yaml").write_text(DLP.replace("EMP-[0-9]{6}", "(a+)+$"), "utf-8")
    with pytest.raises(PolicyError, match=r"dlp\.yaml, line 5: 'patterns\.0\.pattern' is wrong"):
        load(share_folder("policies"), house)
