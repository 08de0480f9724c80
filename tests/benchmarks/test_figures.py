"""The arithmetic behind the figures, and what a report makes of them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart, registry, report
from benchmarks.compete import Outcome, run
from benchmarks.load import Answer, jain, percentile, require_ok, throughput
from benchmarks.registry import Bar, Measurement, Scale
from benchmarks.workloads import privacy

SCALE = Scale(Path("model.gguf"), quick=True)


def outcome() -> Outcome:
    """Two rounds in which the product made 30 and 20 tokens a second and its peer 10 and 20."""
    bars = (Bar("tokens_per_s", 2.0, "at least", "peer"), Bar("tokens_per_s", 24, "at most"))
    made = Outcome("race", "who is faster", ("tokens_per_s",), bars)
    made.rounds["naesil"] = [{"tokens_per_s": 30.0}, {"tokens_per_s": 20.0}]
    made.rounds["peer"] = [{"tokens_per_s": 10.0}, {"tokens_per_s": 20.0}]
    return made


def test_percentiles_lie_between_ranks() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([7], 99) == 7
    assert percentile(list(range(101)), 99) == 99


def test_jains_index_is_one_for_equals_and_small_for_a_monopoly() -> None:
    assert jain([5, 5, 5, 5]) == 1.0
    assert jain([1, 0, 0, 0]) == 0.25


def test_throughput_counts_over_the_whole_span() -> None:
    first = Answer(sent=0, ended=2, status="ok", completion_tokens=10, pieces=[0.5, 1.0, 2.0])
    second = Answer(sent=1, ended=4, status="ok", completion_tokens=10, pieces=[2.0, 4.0])
    figures = throughput([first, second])
    assert figures["tokens_per_s"] == 5
    assert figures["first_token_s"] == 0.75
    assert figures["generated_tokens"] == 20


def test_figures_of_a_server_that_failed_are_not_made() -> None:
    with pytest.raises(RuntimeError, match="refused"):
        require_ok([Answer(sent=0, status="refused", detail="HTTP 429")])


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert outcome().ratio("tokens_per_s", "peer") == 2.0
    assert outcome().ratio("tokens_per_s", "nobody") is None


def test_bars_are_judged_or_said_not_to_be_measured() -> None:
    made = outcome()
    assert [verdict.met for verdict in made.verdicts()] == [True, False]
    made.rounds.pop("peer")
    assert [verdict.met for verdict in made.verdicts()] == [None, False]


def test_the_report_has_table_json_and_chart(tmp_path: Path) -> None:
    place = report.write([outcome()], SCALE, report.machine(), tmp_path)
    found = json.loads((place / "results.json").read_text("utf-8"))
    assert found["machine"]["cores"] >= 1
    assert found["workloads"][0]["ratios"]["peer"]["tokens_per_s"] == 2.0
    assert "2x" in (place / "results.txt").read_text("utf-8")
    picture = ElementTree.fromstring((place / "results.svg").read_text("utf-8"))  # noqa: S314 - our own
    widths = [float(bar.get("width", "0")) for bar in picture.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[0] > widths[1] > 0


def test_names_are_escaped_in_the_chart() -> None:
    made = outcome()
    made.rounds["http://a/?b&<c>"] = made.rounds.pop("peer")
    ElementTree.fromstring(chart.svg([made]))  # noqa: S314 - our own


def test_a_measurement_runs_once_a_round() -> None:
    counted: list[int] = []

    def measure(_scale: Scale) -> dict[str, float]:
        counted.append(1)
        return {"runs": float(len(counted))}

    made = run(Measurement("count", "counts", measure), (), 3, SCALE)
    assert made.medians("naesil") == {"runs": 2.0}


def test_every_workload_has_its_own_name_and_says_what_it_is() -> None:
    every = registry.every()
    assert len({workload.about for workload in every.values()}) == len(every)
    assert {"chats-16", "greedy", "crowd", "second-turn"} <= set(every)


def test_the_audit_of_first_tokens_tells_equal_samples_from_different_ones() -> None:
    even, odd = [float(number) for number in range(0, 80, 2)], [float(number) for number in range(1, 81, 2)]
    assert privacy.distance(even, odd) == pytest.approx(1 / 40)
    assert privacy.p_value(even, odd) > 0.99
    assert privacy.p_value(even, [value + 40 for value in even]) < 1e-4
    # Two samples of ten, farthest apart by 0.5: the asymptotic value, as in published tables.
    assert privacy.p_value([*range(10)], [*range(5, 15)]) == pytest.approx(0.1108, abs=0.002)
