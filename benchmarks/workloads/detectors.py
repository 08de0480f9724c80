"""The detectors of personal data: speed on office text, and how right they are on the labelled corpus."""

import time
from collections.abc import Callable
from datetime import date

from appliance.config import share_folder
from appliance.core import Permission, Principal, Role, Target
from appliance.policy.decide import decide
from appliance.policy.detectors.finding import Level
from appliance.policy.detectors.own import Own
from appliance.policy.detectors.patterns import Patterns, read_pattern
from appliance.policy.detectors.scan import scan
from appliance.policy.detectors.terms import Terms
from appliance.policy.documents import load
from benchmarks.registry import Bar, Measurement, Scale
from tests.policy.corpus import corpus
from tests.policy.test_quality import measure

TODAY = date(2026, 3, 2)
PATTERNS = ("EMP-[0-9]{6}", r"\bNS[0-9]{4}-[A-Z]{2}\b", "[A-Z]{3}/[0-9]{4}/[0-9]{3}", "사번 ?[0-9]{7}")
OFFICE = (
    "오늘 오전 회의에서는 다음 분기 예산과 인력 배치 계획을 논의했습니다.",
    "담당자는 금요일까지 초안을 공유하고, 2026년 3월 2일에 다시 모이기로 했습니다.",
    "매출은 1,234,567원으로 작년보다 12.5% 늘었으며 서울 본사와 부산 지점이 함께 준비합니다.",
    "The committee reviewed the quarterly budget and agreed to publish the draft on Friday.",
    "Revenue grew 12.5% to 1,234,567 won; version 1.2.3 ships to 42 sites.",
    "    return sum(rows[0:10])  # see issue 1234, id=0x1f",
) * 2


def speed(scale: Scale) -> dict[str, float]:
    """MB of UTF-8 a second, one core, with every detector, 100,000 own terms and own patterns.

    `mb_per_s`: office text with a finding every ten sentences; `dense_mb_per_s`: the corpus, where
    two sentences of three have one. `own_build_s`: making the terms ready, once a revision.
    """
    began = time.perf_counter()
    own = _own(scale.of(100_000, 1000))
    built = time.perf_counter() - began
    samples = [sample.text for sample in corpus()][: scale.of(100_000, 200)]
    office = [text for sample in samples for text in (sample, *OFFICE)]
    return {
        "mb_per_s": _speed(office, own),
        "dense_mb_per_s": _speed(samples, own),
        "own_build_s": built,
    }


def decisions(scale: Scale) -> dict[str, float]:
    """Microseconds of one decision by the shipped policies, without detectors."""
    policy = load(share_folder("policies"))
    person = Principal("u", "user", roles=frozenset({Role.MEMBER}), groups=frozenset({"총무과"}))
    target = Target("small")
    found = scan("주민번호 900101-1234567, 카드 4111-1111-1111-1111, 010-1234-5678", TODAY)
    rounds = scale.of(50_000, 500)
    return {
        "plain_us": _each(rounds, lambda: decide(policy, person, Permission.CHAT_USE, (), target)),
        "with_findings_us": _each(rounds, lambda: decide(policy, person, Permission.CHAT_USE, found, target)),
        "refused_us": _each(rounds, lambda: decide(policy, person, Permission.AUDIT_READ, (), target)),
    }


def _own(terms: int) -> Own:
    words = [f"과제{number:06}호" for number in range(terms // 2)]
    words += [f"Project-{number:06}" for number in range(terms // 2)]
    patterns = [read_pattern(f"p{at}", source, Level.HIGH) for at, source in enumerate(PATTERNS)]
    return Own(Terms({"terms": words}), Patterns(patterns), ("terms",))


def _speed(sentences: list[str], own: Own) -> float:
    documents = ["\n".join(sentences[at : at + 100]) for at in range(0, len(sentences), 100)]
    size = sum(len(document.encode()) for document in documents)
    began = time.perf_counter()
    for document in documents:
        scan(document, TODAY, own)
    return size / 1e6 / (time.perf_counter() - began)


def _each(rounds: int, act: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(rounds):
        act()
    return (time.perf_counter() - began) / rounds * 1e6


def quality(_scale: Scale) -> dict[str, float]:
    """The worst precision and recall of all kinds, sure findings with exact offsets."""
    figures = measure().values()
    return {
        "worst_precision": min(precision for precision, _, _ in figures),
        "worst_recall": min(recall for _, recall, _ in figures),
        "labels": float(sum(labels for _, _, labels in figures)),
    }


WORKLOADS = (
    Measurement(
        "detector-speed",
        "megabytes of text scanned a second with every detector on",
        speed,
        bars=(Bar("mb_per_s", 5.0, "at least"), Bar("dense_mb_per_s", 5.0, "at least")),
    ),
    Measurement(
        "decisions",
        "microseconds of one decision",
        decisions,
        bars=(Bar("plain_us", 50.0, "at most"), Bar("with_findings_us", 50.0, "at most")),
    ),
    Measurement(
        "detector-quality",
        "precision and recall on the generated corpus",
        quality,
        bars=(Bar("worst_precision", 0.98, "at least"), Bar("worst_recall", 0.98, "at least")),
    ),
)
