"""Text out of the XML of WordprocessingML, DrawingML and OWPML, which name their parts alike. Pure.

p is a paragraph, t its text, tc a cell, tr a row of a table. Elements may come from lxml or from
xml.etree; nothing here recurses, however deep they lie in each other.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

SKIPPED = frozenset(
    {"pPr", "rPr", "sectPr", "tblPr", "tcPr", "trPr", "secPr", "Fallback", "del", "moveFrom", "instrText"}
)
BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "lineBreak": "\n", "noBreakHyphen": "-", "nbSpace": " "}
CELL = " | "


def flatten(root: Any) -> str:
    """Paragraphs on lines of their own, the cells of a row on one line between bars."""
    out: list[str] = []
    inside = cells = 0
    for end, element in _walk(root):
        name = _name(element)
        if end == "start":
            if name == "t":
                inside += 1
            cells += name == "tc"
            out.append(" " if cells and name in BREAKS else BREAKS.get(name, ""))
            out.append((element.text or "") if inside else "")
            continue
        if name == "t":
            inside -= 1
        elif name == "tc":
            cells -= 1
            out.append(CELL)
        elif name in ("tr", "p"):
            out.append(" " if cells else "\n")
        out.append((element.tail or "") if inside else "")
    return "\n".join(_row(line) for line in "".join(out).split("\n"))


def _row(line: str) -> str:
    return line.replace(f" {CELL}", CELL).strip(" ").removesuffix(CELL.rstrip()).rstrip(" ")


def _walk(root: Any) -> Iterator[tuple[Literal["start", "end"], Any]]:
    stack: list[tuple[Any, Iterator[Any]]] = [(root, iter(root))]
    yield "start", root
    while stack:
        element, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            yield "end", element
        elif isinstance(child.tag, str) and _name(child) not in SKIPPED:  # no comment, no instruction
            stack.append((child, iter(child)))
            yield "start", child


def _name(element: Any) -> str:
    tag: str = element.tag
    return tag.rpartition("}")[2]


def joined(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part.strip())
