"""However a reply is cut into tokens, the reader gets what one look at the whole would give."""

from datetime import date
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.policy.decide import mask
from appliance.policy.detectors.scan import scan
from appliance.policy.documents import Direction, PolicySet
from appliance.policy.stream import HOLD, StreamScanner
from tests.policy import policies
from tests.policy.policies import rulings
from tests.policy.texts import pieced, some_of_the_corpus

TODAY = date(2026, 3, 2)


def streamed(policy: PolicySet, pieces: list[str]) -> tuple[str, dict[str, int]]:
    scanner = StreamScanner(rulings(policy), policy.own, TODAY)
    shown = "".join(scanner.feed(piece) for piece in pieces) + scanner.finish()
    return shown, scanner.detections


def cut(text: str, random: Random, longest: int) -> list[str]:
    pieces = []
    while text:
        length = random.randint(1, longest)
        pieces.append(text[:length])
        text = text[length:]
    return pieces


@settings(max_examples=300)
@given(pieced, st.integers(0, 2**32), st.sampled_from([1, 3, 20, 100]))
def test_any_split_gives_the_output_of_the_whole(
    masking_all: PolicySet, text: str, seed: int, longest: int
) -> None:
    pieces = cut(text, Random(seed), longest)  # noqa: S311 - repeatable
    assert streamed(masking_all, pieces) == streamed(masking_all, [text])


def test_the_corpus_streamed_is_the_corpus_masked(masking_all: PolicySet, shipped: PolicySet) -> None:
    random = Random(3)  # noqa: S311 - repeatable
    for text in some_of_the_corpus(150):
        for policy in (masking_all, shipped):
            masked = mask(text, scan(text, TODAY), rulings(policy), Direction.REPLY)
            assert streamed(policy, cut(text, random, 6)) == (masked.text, masked.detections)


def test_a_number_split_over_tokens_is_masked(shipped: PolicySet) -> None:
    shown, detections = streamed(shipped, ["주민번호는 9001", "01-", "12345", "67입니다."])
    assert shown == "주민번호는 90****-*******입니다."
    assert detections == {"rrn": 1}


def test_text_comes_out_while_it_streams(shipped: PolicySet) -> None:
    scanner = StreamScanner(rulings(shipped), shipped.own, TODAY)
    shown = "".join(scanner.feed(char) for char in "오늘 회의는 잘 끝났습니다. " * 20)
    assert 320 - HOLD - 16 <= len(shown) <= 320
    assert len(shown + scanner.finish()) == 320


def test_a_private_key_is_held_back_until_its_end(shipped: PolicySet) -> None:
    lines = [
        "-----BEGIN PRIVATE KEY-----\n",
        *["MIIEvQIBADANBgkqhkiG9w0BAQEF" * 2 + "\n"] * 30,
        "-----END PRIVATE KEY-----\n",
    ]
    scanner = StreamScanner(rulings(shipped), shipped.own, TODAY)
    shown = [scanner.feed(line) for line in ["열쇠: ", *lines]]
    assert "".join(shown).strip() in ("", "열쇠:")
    assert scanner.finish().endswith("********\n")


def test_after_a_blocked_finding_nothing_more_is_said(tmp_path: Path) -> None:
    policy = policies.load_with(
        tmp_path,
        dlp="version: 1\nrules:\n  - {id: T-2, directions: [reply], detectors: [rrn], action: block, "
        f"{policies.REASON}}}\n",
    )
    scanner = StreamScanner(rulings(policy), policy.own, TODAY)
    shown = "".join(
        scanner.feed(piece) for piece in ["번호는 900101-1234567이고 ", "나머지 이야기는 이렇습니다. " * 9]
    )
    assert shown + scanner.finish() == "번호는 "
    assert scanner.blocked == ("T-2",)
    assert scanner.detections == {"rrn": 1}
