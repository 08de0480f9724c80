"""LaTeX formulas as native MathML nodes; what cannot be set is shown as its source."""

from functools import cache
from html import unescape
from xml.etree.ElementTree import Element

from appliance.http.nodes import MATH_ATTRIBUTES, MATH_TAGS, Child, Node, element

MAX_SOURCE = 2_000
MAX_DEPTH = 40

# The converter indexes into what it parsed without looking; on broken input these escape from it.
_BROKEN: tuple[type[Exception], ...] = (
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
)


def formula(source: str, *, block: bool) -> Node:
    """The formula as a `math` node, or as code when it is too long, too deep or not LaTeX."""
    node = _convert(source, block=block) if len(source) <= MAX_SOURCE else None
    if node is not None:
        return node
    code = element("code", [source.strip()], class_="formula")
    return element("p", [code]) if block else code


def _convert(source: str, *, block: bool) -> Node | None:
    from latex2mathml.converter import convert_to_element  # noqa: PLC0415 - large, and few write formulas

    try:
        root = convert_to_element(source, display="block" if block else "inline")
    except (*_refusals(), *_BROKEN):
        return None
    return _node(root, MAX_DEPTH)


@cache
def _refusals() -> tuple[type[Exception], ...]:
    from latex2mathml import exceptions  # noqa: PLC0415 - as above

    named = vars(exceptions).values()
    return tuple(one for one in named if isinstance(one, type) and issubclass(one, Exception))


def _node(found: Element, depth: int) -> Node | None:
    """The element if it and all below it are on the list, else None."""
    if found.tag not in MATH_TAGS or depth == 0:
        return None
    children: list[Child] = [unescape(found.text)] if found.text else []
    for inner in found:
        child = _node(inner, depth - 1)
        if child is None:
            return None
        children.append(child)
        if inner.tail:
            children.append(unescape(inner.tail))
    kept = {name: value for name, value in found.attrib.items() if name in MATH_ATTRIBUTES}
    return element(found.tag, children, **kept)
