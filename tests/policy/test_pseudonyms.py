"""Names for personal data: the same for the same value, given back only where a rule says so."""

from datetime import date
from pathlib import Path

from appliance.config import share_folder
from appliance.policy.documents import PolicySet, load
from appliance.policy.pseudonyms import Restorer, restorable
from tests.policy.policies import rulings

TODAY = date(2026, 3, 2)
TEXTS = ("900101-1234567와 800101-1234567", "다시 ９００１０１－１２３４５６７, 4111-1111-1111-1111")


def restoring(tmp_path: Path) -> PolicySet:
    text = (share_folder("policies") / "dlp.yaml").read_text("utf-8")
    text = text.replace("  - id: P-3\n", "  - id: P-3\n    restore: true\n")
    (tmp_path / "dlp.yaml").write_text(text, "utf-8")
    return load(share_folder("policies"), tmp_path)


def test_a_value_keeps_its_name_and_only_named_rules_give_it_back(tmp_path: Path, shipped: PolicySet) -> None:
    policy = restoring(tmp_path)
    values = restorable(TEXTS, policy, rulings(policy), TODAY)
    assert values == {"<주민번호-1>": "900101-1234567", "<주민번호-2>": "800101-1234567"}
    assert restorable(TEXTS, shipped, rulings(shipped), TODAY) == {}


def test_a_name_is_restored_however_the_reply_is_cut() -> None:
    text = "번호는 <주민번호-1>이고 <주민번호-9> a < b <i>끝"
    for size in (1, 3, 7, 100):
        restorer = Restorer({"<주민번호-1>": "900101-1234567"})
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert "".join(map(restorer.feed, pieces)) + restorer.finish() == text.replace(
            "<주민번호-1>", "900101-1234567"
        )
