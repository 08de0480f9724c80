"""The only markup that text of a model or a person can become: a tree of allowed nodes.

No raw HTML, images, frames, styles or event handlers can be expressed here. Templates print
the tree with autoescaping; the page builds it with createElement and textContent, against
the same list (web/static/js/nodes.js).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Union

import msgspec

_HTML = "p h3 h4 h5 h6 ul ol li blockquote pre code em strong s hr br a span div table thead tbody tr th td"
_MATH = (
    "math mrow mi mn mo ms mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover "
    "mmultiscripts mprescripts none mtable mtr mtd mstyle mpadded mphantom menclose"
)
_MATH_ATTRIBUTES = (
    "display mathvariant stretchy fence separator accent accentunder columnalign rowspacing columnspacing "
    "linethickness width height depth lspace rspace minsize maxsize notation form movablelimits "
    "displaystyle scriptlevel symmetric largeop columnlines rowlines"
)
HTML_TAGS = frozenset(_HTML.split())
MATH_TAGS = frozenset(_MATH.split())
MATH_ATTRIBUTES = frozenset(_MATH_ATTRIBUTES.split())
ATTRIBUTES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "a": frozenset({"href", "rel", "target"}),
        "ol": frozenset({"start"}),
        "pre": frozenset({"tabindex"}),
        "div": frozenset({"class", "tabindex", "role", "aria-label"}),
        **dict.fromkeys(("span", "code", "th", "td"), frozenset({"class"})),
    }
)

Child = Union["Node", str]


class Node(msgspec.Struct, frozen=True, array_like=True):
    """An element: as JSON `[tag, {attributes}, [children]]`, a text is a string."""

    tag: str
    attributes: dict[str, str]
    children: list[Child]


def element(tag: str, children: Sequence[Child] = (), /, **attributes: str) -> Node:
    """A node of the list; `class_` and `aria_label` stand for the names Python cannot spell.

    Raises ValueError for a tag or attribute that is not on the list: that is a fault of ours.
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    allowed = MATH_ATTRIBUTES if tag in MATH_TAGS else ATTRIBUTES.get(tag, frozenset())
    if tag not in HTML_TAGS | MATH_TAGS or not named.keys() <= allowed:
        raise ValueError(f"not an allowed element: {tag} {sorted(named)}")
    return Node(tag, named, list(children))


def text_of(node: Child) -> str:
    """The words of a tree without its markup."""
    return node if isinstance(node, str) else "".join(text_of(child) for child in node.children)
