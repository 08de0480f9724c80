"""docs/api.md tells the truth: its examples run as they stand against the product."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.product import Product

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
EXAMPLES = re.findall(r"^```(bash|python|javascript)\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.M | re.S)


RUNNABLE = [one for one in EXAMPLES if one[0] != "javascript" or shutil.which("node")]


def command(language: str, source: str) -> list[str]:
    if language == "python":
        return [sys.executable, "-c", source]
    if language == "bash":
        return ["bash", "-euc", source]
    return ["node", "--input-type=module", "-e", source]


def test_there_are_examples_in_each_language() -> None:
    assert {language for language, _ in EXAMPLES} == {"bash", "python", "javascript"}


@pytest.mark.parametrize(("language", "source"), RUNNABLE)
def test_an_example_runs_and_prints_its_answer(
    product: Product, api_key: str, language: str, source: str
) -> None:
    program = command(language, source)
    env = {"PATH": os.environ["PATH"], "NAESIL_URL": product.url, "NAESIL_KEY": api_key, "LANG": "C.UTF-8"}
    result = subprocess.run(program, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    assert '"error"' not in result.stdout, result.stdout
