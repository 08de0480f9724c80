"""Text keeps WCAG 2.2's contrast (1.4.3: 4.5 to 1) in both themes, computed from the tokens themselves."""

import re

import pytest

from appliance.config import share_folder

PAIRS = [
    ("ink", "ground"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink", "tint"),
    ("soft", "ground"),
    ("soft", "surface"),
    ("soft", "sunken"),
    ("accent", "ground"),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("accent-strong", "tint"),
    ("accent-strong", "ground"),
    ("danger", "danger-tint"),
    ("danger", "ground"),
    ("warn-ink", "warn-tint"),
    ("surface", "ink"),
    *((f"code-{kind}", "surface") for kind in ("keyword", "string", "number", "comment", "name")),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text: str, ground: str, theme: int) -> None:
    colours = _tokens()
    assert _contrast(colours[text][theme], colours[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_fields_can_be_seen(theme: int) -> None:
    colours = _tokens()
    assert _contrast(colours["line-strong"][theme], colours["surface"][theme]) >= 3  # WCAG 1.4.11


def _tokens() -> dict[str, tuple[str, str]]:
    css = (share_folder("web") / "static" / "css" / "naesil.css").read_text("utf-8")
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    return {name: (light, dark) for name, light, dark in found}


def _contrast(one: str, other: str) -> float:
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
