"""`appliance serve` reads its words in a copy of itself: whoever types them sees no difference."""

import subprocess
import sys
from pathlib import Path

import pytest

APPLIANCE = str(Path(sys.executable).parent / "appliance")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--help",), 0, "Usage: appliance serve [OPTIONS]"),
        (("--port", "many"), 2, "Invalid value for '--port'"),
        (("--nonsense",), 2, "No such option: --nonsense"),
        (("--port", "99999"), 2, "a number from 0 to 65535, not 99999"),
        (("--host", "192.0.2.1"), 2, "192.0.2.1"),
    ],
)
def test_help_and_mistakes_are_told_with_their_status(
    tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    place = ("--data", str(tmp_path / "data"))
    result = subprocess.run(
        [APPLIANCE, "serve", *place, *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == status
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
