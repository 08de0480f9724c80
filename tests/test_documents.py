"""The documents lead where they say: no link ends nowhere, and README leads to every document."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """(file, heading) of every link that stays in the checkout."""
    text = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            file, _, heading = target.partition("#")
            yield (document.parent / file).resolve() if file else document, heading


def headings(document: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    lines = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


def test_no_link_of_a_document_ends_nowhere() -> None:
    seen = 0
    for document in DOCUMENTS:
        for file, heading in links(document):
            seen += 1
            assert file.exists(), (document.name, str(file))
            assert not heading or heading in headings(file), (document.name, file.name, heading)
    assert seen > 80


def test_readme_leads_to_every_document_and_is_short() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        document = todo.pop()
        if document.suffix == ".md" and document not in reached:
            reached.add(document)
            todo += [file for file, _ in links(document)]
    assert set(DOCUMENTS) - reached == set()
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150
