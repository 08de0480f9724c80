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
    parts = [
        f"tests/{path.name}"
        for path in sorted((ROOT / "tests").iterdir())
        if path.name not in PRODUCTS and (path.is_dir() or path.name.startswith("test_")) and _holds_tests(path)
    ]
    second = [parts, ["--postgresql", *(f"tests/{name}" for name in ON_POSTGRESQL)]]
    with tempfile.TemporaryFile("w+") as said:
        beside = subprocess.Popen(
            [sys.executable, __file__, *map(" ".join, second)], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        failed = _run([f"tests/{name}" for name in PRODUCTS])
        failed |= beside.wait()
        said.seek(0)
        sys.stdout.write(said.read())
    return failed


def _holds_tests(path: Path) -> bool:
    return path.is_file() or any(path.rglob("test_*.py"))


def _run(words: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    lines = [line.split() for line in sys.argv[1:]]
    sys.exit(max(map(_run, lines)) if lines else main())
