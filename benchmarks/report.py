"""What a run found: a table for people, JSON for programs, with the machine it was measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import chart
from benchmarks.compete import Outcome, as_plain
from benchmarks.registry import PRODUCT, Scale

COSTS = ("cpu_s_per_1000_tokens", "peak_mib")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "llama_cpp_python": version("llama-cpp-python"),
        "naesil": version("naesil"),
        "commit": _commit(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def write(outcomes: Sequence[Outcome], scale: Scale, about_machine: dict[str, Any], folder: Path) -> Path:
    """`results.json` and a chart per workload in `folder`/<time>; that folder."""
    stamp = datetime.now(UTC)
    place = folder / stamp.strftime("%Y%m%dT%H%M%SZ")
    place.mkdir(parents=True)
    content = {
        "at": stamp.isoformat(timespec="seconds"),
        "quick": scale.quick,
        "model": scale.model.name,
        "machine": about_machine,
        "workloads": [as_plain(outcome) for outcome in outcomes],
    }
    (place / "results.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (place / "results.txt").write_text("\n".join(table(outcomes)) + "\n", "utf-8")
    (place / "results.svg").write_text(chart.svg(outcomes), "utf-8")
    return place


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """A block for each workload: a line per contestant with its medians and our ratio to it."""
    lines: list[str] = []
    for outcome in outcomes:
        lines += ["", f"{outcome.name}: {outcome.about}"]
        lines += _grid(_rows(outcome))
        lines += [f"  left out: {name}: {reason}" for name, reason in outcome.absent.items()]
        lines += [_verdict(verdict.bar.text(), verdict.value, verdict.met) for verdict in outcome.verdicts()]
    return lines


def _rows(outcome: Outcome) -> list[list[str]]:
    contest = len(outcome.rounds) > 1 or any("cpu_s" in figures for figures in _all(outcome))
    everything = sorted({figure for figures in _all(outcome) for figure in figures})
    shown = [*outcome.shown, *(COSTS if contest else ())] or everything
    rows = [["", *shown]]
    for name in outcome.rounds:
        medians = outcome.medians(name)
        rows.append([name, *(_cell(medians.get(figure)) for figure in shown)])
        if name != PRODUCT and PRODUCT in outcome.rounds:
            ratios = [outcome.ratio(figure, name) for figure in shown]
            rows.append([f"{PRODUCT} / {name}", *(f"{_cell(ratio)}x" if ratio else "-" for ratio in ratios)])
    return rows


def _all(outcome: Outcome) -> list[dict[str, float]]:
    return [figures for rounds in outcome.rounds.values() for figures in rounds]


def _grid(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    first, *rest = widths
    return [
        "  ".join(
            ("", name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, rest, strict=True)))
        )
        for name, *cells in rows
    ]


def _verdict(text: str, value: float | None, met: bool | None) -> str:
    word = {True: "met", False: "MISSED", None: "not measured"}[met]
    return f"  bar: {text}: {_cell(value)} {word}"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def _commit() -> str:
    root = Path(__file__).parent.parent
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"
