"""docs/asvs.md answers every requirement of ASVS 5.0 up to level 2, by tests and documents that exist."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "asvs.md"
SECTIONS = {  # how many requirements of each section are of level 1 or 2; theirs come first in each
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2,
    "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3,
    "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3,
    "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3,
    "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2,
    "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
KINDS = ("reason", "document", "not applicable", "open")


def rows() -> list[tuple[str, str]]:
    """(requirement, answer) of each line."""
    found = re.findall(r"^\| ([\d.]+) \| .*? \| (.*) \|$", LIST.read_text("utf-8"), re.MULTILINE)
    return [(number, answer) for number, answer in found]


def kind(answer: str) -> str:
    return next((one for one in KINDS if answer.startswith(f"{one}: ")), "test")


@cache
def names_in(name: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / name).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_no_requirement_is_left_out() -> None:
    wanted = [f"{section}.{number}" for section, most in SECTIONS.items() for number in range(1, most + 1)]
    assert len(wanted) == 253
    assert [number for number, _ in rows()] == wanted


def test_every_test_and_document_that_is_named_exists() -> None:
    for number, answer in rows():
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", answer)
        documents = re.findall(r"`?((?:docs/)?[\w-]+\.md)\b", answer)
        for file, test in named:
            assert test in names_in(file), (number, file, test)
        for document in documents:
            assert (ROOT / document).is_file() or (ROOT / "docs" / document).is_file(), (number, document)
        assert named or kind(answer) != "test", number
        assert documents or kind(answer) != "document", number


def test_the_counts_at_the_top_are_those_of_the_list() -> None:
    counted = Counter(kind(answer) for _, answer in rows())
    head = LIST.read_text("utf-8").split("\n## ")[0]
    assert [int(number) for number in re.findall(r": (\d+)(?: lines)?[;.]$", head, re.MULTILINE)] == [
        counted[one] for one in ("test", *KINDS)
    ]
