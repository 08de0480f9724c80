"""The documents tell the truth: what they say to type runs, in order, beside the running product."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from appliance.cli.app import app
from tests.cli.test_commands import commands
from tests.journeys.product import APPLIANCE, PASSWORD, Product

DOCS = Path(__file__).parents[2] / "docs"
GUIDE, KOREAN = DOCS / "administration.md", DOCS / "ko" / "administration.md"

# What the capitals in audit.md and policies.md stand for here. ID is the draft made last.
MEANT = {
    "DIR": "data", "TEXT": "점검", "FILE.zip": "whole.zip", "KEPT": "checkpoint.txt", "W": "witness",
    "FOLDER": "rules", "NUMBER": "1", "NAME": "정책담당",
}  # fmt: skip
BEFORE = {"policy discard": "policy draft rules"}
BESIDES = {
    "policy approve": "--password-file first-password",
    "retention run": "--yes",
    "audit export": "--from 0 --to 2099-12-31",  # whenever the test runs
}
ELSEWHERE = dict.fromkeys(("audit open", "audit opened"), "tests/evidence/test_sealed.py")  # sealed texts


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)


def typed(document: Path) -> list[str]:
    """The command lines of a document's unnamed blocks, without what is said about them."""
    lines = (line for block in blocks(document, "") for line in block.splitlines())
    return [re.split(r"\s{2,}|\s+#", line)[0] for line in lines if re.match(r"(appliance|python) ", line)]


def run(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{Path(APPLIANCE).parent}:{os.environ['PATH']}",
        "DATA": str(folder / "data"),
        "NAESIL_DATA": str(folder / "data"),
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", source],
        cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def succeed(source: str, folder: Path) -> str:
    result = run(source, folder)
    assert result.returncode == 0, f"{source}\n{result.stdout}\n{result.stderr}"
    assert "Traceback" not in result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the guide's first block was run and the product is serving."""
    folder = tmp_path_factory.mktemp("guides")
    (folder / "first-password").write_text(PASSWORD + "\n", "utf-8")
    succeed(blocks(GUIDE, "sh")[0], folder)
    product = Product(folder / "data").wait_ready()
    yield folder
    assert product.stop() == 0


def test_every_block_of_the_administrators_guide_runs_as_it_stands(folder: Path) -> None:
    for source in blocks(GUIDE, "sh")[1:]:
        succeed(source, folder)


@pytest.mark.parametrize("name", ["audit.md", "policies.md"])
def test_every_command_of_a_document_runs_with_something_for_its_capitals(folder: Path, name: str) -> None:
    meant = dict(MEANT)
    for line in typed(DOCS / name):
        if any(f" {other} " in line for other in ELSEWHERE):
            continue
        command = next((known for known in (*BEFORE, *BESIDES) if f" {known} " in f"{line} "), "")
        if before := BEFORE.get(command):
            draft = succeed(f"appliance {before}", folder)
            meant.update(ID=word) if (word := made(draft)) else None
        source = re.sub(r"[A-Z]+(\.zip)?\b", lambda found: meant.get(found[0], found[0]), line)
        printed = succeed(f"{source} {BESIDES.get(command, '')}".strip(), folder)
        meant.update(ID=word) if (word := made(printed)) else None


def made(printed: str) -> str:
    found = re.search(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\b", printed)
    return found[0] if found else ""


def test_the_korean_guide_has_the_same_commands() -> None:
    def said(guide: Path) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in blocks(guide, "sh")]

    assert said(KOREAN) == said(GUIDE)


def test_every_command_and_option_that_any_document_names_exists() -> None:
    known = {
        name: {spelling for one in command.params for spelling in (*one.opts, *one.secondary_opts)}
        for name, command in commands(typer.main.get_command(app))
    }
    groups = {name.rsplit(" ", 1)[0] for name in known if " " in name}
    for document in [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]:
        text = document.read_text("utf-8")
        for line in re.findall(r"(?:^|[`>] ?)appliance ([a-z][^`\n]*)", text, re.M):
            words = re.split(r"\s{2,}|\s+#|[;|>]", line)[0].split()
            name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in known), "")
            alternatives = name or " ".join(words[:-1]) in groups or words[0] in groups
            assert alternatives, f"{document.name}: appliance {line}"
            unknown = {word.strip("[]") for word in words if word.strip("[").startswith("--")} - known.get(
                name, set()
            ) - {"--help"}  # fmt: skip
            assert not name or not unknown, f"{document.name}: appliance {line}: {unknown}"
