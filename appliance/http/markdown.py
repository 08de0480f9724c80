"""Markdown to a node tree: CommonMark, tables, strike-through and dollar math.

The parser's own HTML is never used. Raw HTML stays text, an image becomes a note that it was
blocked, a link goes through the confirm page.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from types import MappingProxyType

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from appliance.http.formula import formula
from appliance.http.highlight import highlight
from appliance.http.links import confirm_page, host_of, outside
from appliance.http.nodes import Child, Node, element, text_of

MAX_LANGUAGE = 30

_PLAIN = {
    "paragraph": "p",
    "bullet_list": "ul",
    "list_item": "li",
    "blockquote": "blockquote",
    "em": "em",
    "strong": "strong",
    "s": "s",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
}
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5"}  # the page itself owns h1 and h2
Translate = Callable[[str], str]


def parser() -> MarkdownIt:
    """The one dialect; a parser has no state between texts, but build one per thread of work."""
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return made.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)


def render(text: str, translate: Translate, with_parser: MarkdownIt | None = None) -> list[Node]:
    """The whole text as its top-level blocks. Many texts in a row share one parser: making it takes longer
    than a short text."""
    return Tree(translate).blocks((with_parser or parser()).parse(text))


class Tree:
    """Turns the parser's flat tokens into nodes."""

    def __init__(self, translate: Translate) -> None:
        self._translate = translate

    def blocks(self, tokens: Sequence[Token]) -> list[Node]:
        """Top-level nodes; stray inline text cannot stand at this level."""
        made = self._children(tokens)
        return [child if isinstance(child, Node) else element("p", [child]) for child in made]

    def _children(self, tokens: Sequence[Token]) -> list[Child]:
        made: list[Child] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.nesting == 1:
                end = _closing(tokens, index)
                made += self._nested(token, tokens[index + 1 : end])
                index = end
            else:
                made += self._leaf(token)
            index += 1
        return made

    def _nested(self, token: Token, inside: Sequence[Token]) -> list[Child]:
        kind = token.type.removesuffix("_open")
        children = self._children(inside)
        if kind == "link":
            return self._link(str(token.attrs.get("href", "")), children)
        if kind in _PLAIN and not token.hidden:
            return [element(_PLAIN[kind], children)]
        return self._shaped(kind, token, children)

    def _shaped(self, kind: str, token: Token, children: list[Child]) -> list[Child]:
        """Elements that carry more than their children; unknown ones leave only these."""
        match kind:
            case "heading":
                return [element(_HEADINGS.get(token.tag, "h6"), children)]
            case "ordered_list":
                start = token.attrs.get("start")
                return [element("ol", children, **({} if start is None else {"start": str(start)}))]
            case "th" | "td":
                return [element(kind, children, class_=_alignment(token))]
            case "table":
                label = self._translate("Table")
                table = element("table", children)
                return [
                    element("div", [table], class_="table", tabindex="0", role="region", aria_label=label)
                ]
        return children

    def _leaf(self, token: Token) -> list[Child]:
        match token.type:
            case "inline":
                return self._children(token.children or [])
            case "image":
                return [self._blocked_image(token)]
            case "softbreak":
                return ["\n"]
        leaf = _LEAVES.get(token.type)
        if leaf is not None:
            return [leaf(token)]
        return [token.content] if token.content else []

    def _link(self, href: str, children: list[Child]) -> list[Child]:
        target = outside(href)
        if target is None:
            return children
        shown = "".join(text_of(child) for child in children)
        link = element("a", children, href=confirm_page(target), rel="noopener noreferrer", target="_blank")
        if shown == target:
            return [link]
        return [link, " ", element("span", [f"({host_of(target) or target})"], class_="link-target")]

    def _blocked_image(self, token: Token) -> Node:
        source = host_of(str(token.attrs.get("src", ""))) or self._translate("unknown address")
        words = self._translate("External image blocked: %(host)s") % {"host": source}
        described = f"{words} ({token.content})" if token.content else words
        return element("span", [described], class_="chip")


def _closing(tokens: Sequence[Token], start: int) -> int:
    """The index of the token that closes the one at `start`."""
    depth = 0
    for index in count(start):
        depth += tokens[index].nesting
        if depth == 0:
            return index
    raise AssertionError("unreachable: the parser balances its tokens")


def _code(source: str, info: str) -> Node:
    language = info.strip().split(" ")[0].lower()[:MAX_LANGUAGE]
    code = element("code", highlight(source.removesuffix("\n"), language))
    head = element("div", [element("span", [language or "text"], class_="code-language")], class_="code-head")
    return element("div", [head, element("pre", [code], tabindex="0")], class_="code")


def _alignment(token: Token) -> str:
    style = str(token.attrs.get("style", ""))
    return next((side for side in ("center", "right") if side in style), "left")


_LEAVES: Mapping[str, Callable[[Token], Node]] = MappingProxyType(
    {
        "hr": lambda _: element("hr"),
        "hardbreak": lambda _: element("br"),
        "code_inline": lambda token: element("code", [token.content]),
        "code_block": lambda token: _code(token.content, ""),
        "fence": lambda token: _code(token.content, token.info),
        "math_inline": lambda token: formula(token.content, block=False),
        "math_inline_double": lambda token: formula(token.content, block=False),
        "math_block": lambda token: formula(token.content, block=True),
        "math_block_label": lambda token: formula(token.content, block=True),
    }
)
