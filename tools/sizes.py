"""Prints how long modules and functions are, and fails when a module passes 500 lines without a reason."""

import ast
import statistics
import subprocess
import sys
from pathlib import Path

LIMIT = 500
REASON = "# long because:"


def main() -> int:
    names = subprocess.run(
        ["git", "ls-files", "*.py"], capture_output=True, text=True, check=True
    ).stdout.split()
    sources = {name: Path(name).read_text("utf-8") for name in names if Path(name).exists()}
    lines = {name: source.count("\n") for name, source in sources.items()}
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for label, sizes in (("modules", list(lines.values())), ("functions", functions)):
        ordered = sorted(sizes)
        print(
            f"{label}: {len(ordered)}, median {statistics.median(ordered):.0f} lines, "
            f"p90 {ordered[len(ordered) * 9 // 10]}, longest {ordered[-1]}"
        )
    long = [name for name, count in lines.items() if count > LIMIT and REASON not in sources[name]]
    for name in long:
        print(f"{name}: {lines[name]} lines. What does it hide? Split it, or write '{REASON} ...'.")
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
