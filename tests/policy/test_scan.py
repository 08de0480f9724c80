"""Properties of scanning and masking that hold for every text."""

from datetime import date

from hypothesis import given, settings

from appliance.policy.decide import mask
from appliance.policy.detectors.finding import Kind, Level
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.scan import scan
from appliance.policy.detectors.terms import Terms
from appliance.policy.documents import Direction, PolicySet
from tests.policy.policies import rulings
from tests.policy.texts import pieced, some_of_the_corpus

TODAY = date(2026, 3, 2)
KEPT_DIGITS = {Kind.RRN: 2, Kind.FOREIGNER: 2, Kind.PHONE: 3}


@given(pieced)
def test_offsets_are_valid_ordered_and_apart(text: str) -> None:
    position = 0
    for finding in scan(text, TODAY):
        assert position <= finding.start < finding.end <= len(text)
        position = finding.end


@given(pieced)
def test_scanning_twice_gives_the_same(text: str) -> None:
    assert scan(text, TODAY) == scan(text, TODAY)


@given(pieced)
def test_a_mask_leaks_no_digits(text: str) -> None:
    for finding in scan(text, TODAY):
        shown = [char for char in finding.mask if char.isdigit()]
        if finding.type is not Kind.ADDRESS or finding.level is Level.HIGH:
            assert len(shown) <= KEPT_DIGITS.get(finding.type, 0)


@settings(max_examples=300, derandomize=True)
@given(pieced)
def test_nothing_sure_is_left_in_a_masked_text(masking_all: PolicySet, text: str) -> None:
    rules = rulings(masking_all)
    masked = mask(text, scan(text, TODAY), rules, Direction.PROMPT)
    left = [finding for finding in scan(masked.text, TODAY) if finding.level is Level.HIGH]
    assert not left


def test_nothing_sure_is_left_in_the_masked_corpus(masking_all: PolicySet) -> None:
    for text in some_of_the_corpus(300):
        masked = mask(text, scan(text, TODAY), rulings(masking_all), Direction.PROMPT)
        assert not [one for one in scan(masked.text, TODAY) if one.level is Level.HIGH], text


def test_masking_counts_what_it_masked(masking_all: PolicySet, today: date) -> None:
    text = "900101-1234567, 800101-1234567, 010-1234-5678"
    masked = mask(text, scan(text, today), rulings(masking_all), Direction.PROMPT)
    assert masked.text == "90****-*******, 80****-*******, 010-****-****"
    assert masked.detections == {"rrn": 2, "phone": 1}


def test_own_words_are_found_whatever_their_case_and_width(today: date) -> None:
    words = Own(Terms({"projects": ["별빛계획", "Project Apollo", "가나"]}))
    text = "별빛계획서와 ＰＲＯＪＥＣＴ ＡＰＯＬＬＯ, 가나"
    assert [text[one.start : one.end] for one in scan(text, today, words)] == [
        "별빛계획",
        "ＰＲＯＪＥＣＴ ＡＰＯＬＬＯ",
        "가나",
    ]


def test_a_hundred_thousand_own_words_are_as_good_as_one(today: date) -> None:
    words = Own(Terms({"all": [f"과제{number:05}호" for number in range(99_999)] + ["과제12345호의 끝"]}))
    found = scan("어제 과제12345호의 끝, 과제00007호", today, words)
    assert [one.mask for one in found] == ["*" * len("과제12345호의 끝"), "*" * len("과제00007호")]


def test_a_hostile_text_takes_no_more_than_its_share(today: date) -> None:
    """Long runs of what patterns begin with; a backtracking pattern would not come back from these."""
    for piece in (
        "1",
        "1-",
        "1 ",
        "M1",
        "eyJ",
        "sk-",
        "a@",
        "a.",
        "://a:",
        "가",
        "시 ",
        "길1",
        "-----BEGIN PRIVATE KEY-----",
        "AB12 ",
    ):
        scan(piece * (200_000 // len(piece)), today)
