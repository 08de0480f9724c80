"""The detectors of personal data: speed on office text, and how right they are on the labelled corpus."""

import time
from datetime import date

from appliance.policy.detectors.scan import scan
from benchmarks.registry import Bar, Measurement, Scale
from tests.policy.corpus import corpus
from tests.policy.test_quality import measure

TODAY = date(2026, 3, 2)


def speed(scale: Scale) -> dict[str, float]:
    """MB of UTF-8 a second, one core, on the corpus joined into documents of some 10 kB."""
    samples = [sample.text for sample in corpus()]
    documents = ["\n".join(samples[at : at + 100]) for at in range(0, len(samples), 100)]
    documents = documents * scale.of(4, 1) if not scale.quick else documents[:2]
    size = sum(len(document.encode()) for document in documents)
    began = time.perf_counter()
    for document in documents:
        scan(document, TODAY)
    return {"mb_per_s": size / 1e6 / (time.perf_counter() - began)}


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
        "megabytes of text scanned a second",
        speed,
        bars=(Bar("mb_per_s", 5.0, "at least"),),
    ),
    Measurement(
        "detector-quality",
        "precision and recall on the generated corpus",
        quality,
        bars=(Bar("worst_precision", 0.98, "at least"), Bar("worst_recall", 0.98, "at least")),
    ),
)
