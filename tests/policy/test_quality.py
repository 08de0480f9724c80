"""How well the detectors do on the corpus: a floor that a change must not break through."""

from collections import Counter
from datetime import date

from appliance.policy.detectors.finding import Level
from appliance.policy.detectors.scan import scan
from tests.policy.corpus import VALUES, corpus

TODAY = date(2026, 3, 2)
FLOOR = 0.98


def measure(seed: int = 20260302) -> dict[str, tuple[float, float, int]]:
    """Kind -> precision, recall and number of labels, for sure findings with exact offsets."""
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for sample in corpus(seed):
        found = {
            (one.type.value, one.start, one.end)
            for one in scan(sample.text, TODAY)
            if one.level is Level.HIGH
        }
        labels = set(sample.labels)
        for kind, *_ in labels:
            labelled[kind] += 1
        for kind, *_ in found:
            said[kind] += 1
        for kind, *_ in found & labels:
            right[kind] += 1
    return {
        kind: (right[kind] / max(said[kind], 1), right[kind] / labelled[kind], labelled[kind])
        for kind in VALUES
    }


def test_the_corpus_is_large_and_the_same_every_time() -> None:
    samples = corpus()
    assert len(samples) >= 5000
    assert samples == corpus()


def test_sure_findings_are_right_and_complete_for_every_kind() -> None:
    poor = {kind: numbers for kind, numbers in measure().items() if numbers[0] < FLOOR or numbers[1] < FLOOR}
    assert not poor
