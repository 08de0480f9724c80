"""Every test, in two lines side by side: whole products and browsers in one, their parts in the other.

A product waits for its model, a browser for its pages: beside either there is a processor to spare. What
the second line says is kept until it ends, so that the two do not talk at once.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCTS = ("benchmarks", "browser", "escape", "journeys", "silence")
ON_POSTGRESQL = ("audit", "chat", "completions", "identity", "storage")


def main() -> int:
    parts = " ".join(_parts())
    again = " ".join(["--postgresql", *(f"tests/{name}" for name in ON_POSTGRESQL)])
    with tempfile.TemporaryFile("w+") as said:
        beside = subprocess.Popen(
            [sys.executable, __file__, parts, again], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        failed = _run([f"tests/{name}" for name in PRODUCTS])
        failed |= beside.wait()
        said.seek(0)
        sys.stdout.write(said.read())
    return failed


def _parts() -> list[str]:
    """Every folder and file of tests that is not of the first line."""
    files = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    return [f"tests/{name}" for name in sorted(files - set(PRODUCTS))]


def _run(words: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    lines = [line.split() for line in sys.argv[1:]]
    sys.exit(max(map(_run, lines)) if lines else main())
