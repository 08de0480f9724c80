"""The outcomes as one SVG: a bar for each contestant and shown figure. No library, no script."""

from collections.abc import Sequence
from html import escape

from benchmarks.compete import Outcome
from benchmarks.registry import PRODUCT

WIDTH, LABEL, LINE, BAR = 760, 300, 22, 14
OURS, THEIRS = "#1f6feb", "#9aa4b2"


def svg(outcomes: Sequence[Outcome]) -> str:
    """Bars are scaled within each figure: the longest is the largest value."""
    parts: list[str] = []
    height = 10
    for outcome in outcomes:
        for figure in outcome.shown:
            values = {
                name: value
                for name in outcome.rounds
                if (value := outcome.medians(name).get(figure)) is not None
            }
            if values:
                height += LINE
                parts.append(_text(10, height, f"{outcome.name}: {figure}", weight="bold"))
                for name, value in values.items():
                    height += LINE
                    parts += _bar(height, name, value, max(values.values()))
                height += LINE // 2
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height + 10}" '
        f'viewBox="0 0 {WIDTH} {height + 10}" font-family="sans-serif" font-size="13" role="img" '
        'aria-label="Benchmark results">'
    )
    return "\n".join(
        (head, f'<rect width="{WIDTH}" height="{height + 10}" fill="#fff"/>', *parts, "</svg>\n")
    )


def _bar(y: int, name: str, value: float, most: float) -> list[str]:
    room = WIDTH - LABEL - 110
    width = max(1.0, room * value / most) if most > 0 else 1.0
    colour = OURS if name == PRODUCT else THEIRS
    return [
        _text(LABEL - 10, y, name, anchor="end"),
        f'<rect x="{LABEL}" y="{y - BAR + 2}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>',
        _text(round(LABEL + width + 8), y, f"{value:.4g}"),
    ]


def _text(x: int, y: int, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="#1c2128">{escape(text)}</text>'
