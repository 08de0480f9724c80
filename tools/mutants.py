"""Changes one thing at a time in a module and runs its tests: what no test notices is printed.

python tools/mutants.py appliance/tlog/merkle.py tests/tlog [--most 200]

Each change is made in a copy of the checkout, in a child of a process that has the libraries loaded
already, so one costs little more than its tests. docs/testing.md says what survives and why.
"""

import argparse
import ast
import copy
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOADED = ("cryptography.hazmat.primitives.asymmetric.ed25519", "hypothesis", "jinja2", "msgspec", "numpy",
          "pydantic", "pytest", "re2", "sqlalchemy.orm", "yaml")  # fmt: skip
LEAST_S = 20.0
TIMES_AS_LONG = 10
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub,
    ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


class Change(ast.NodeTransformer):
    """Makes the change of this number; `made` says which, and stays empty past the last one."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.made = ""

    def _offered(self, node: ast.AST, other: ast.AST) -> ast.AST:
        self._left -= 1
        if self._left != -1:
            return node
        line = getattr(node, "lineno", 0)
        self.made = f"{line}: {_brief(node)}  ->  {_brief(other)}"
        return ast.copy_location(other, node)

    def visit(self, node: ast.AST) -> ast.AST:
        if self.made or isinstance(node, ast.JoinedStr):
            return node
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            self._visit_all(node.body)  # neither annotations nor decorators: no test runs them
            return node
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                node.value = self.visit(node.value)  # type: ignore[assignment]  # an expression stays one
            return node
        for other in alternatives(node):
            changed = self._offered(node, other)
            if changed is not node:
                return changed
        self.generic_visit(node)
        return node

    def _visit_all(self, body: list[ast.stmt]) -> None:
        for place, statement in enumerate(body):
            if not _says(statement):
                body[place] = self.visit(statement)  # type: ignore[call-overload]  # a statement stays one


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in the place of this node."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            compared = copy.deepcopy(node)
            compared.ops[place] = SWAPS[type(operator)]()  # type: ignore[call-overload]  # a comparison's is one
            yield compared
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        operated = copy.deepcopy(node)
        setattr(operated, "op", SWAPS[type(node.op)]())  # noqa: B010 - of three kinds of node
        yield operated
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _other_values(node.value)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        tested = copy.deepcopy(node)
        tested.test = ast.UnaryOp(ast.Not(), node.test)
        yield tested
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield ast.Pass()


def _other_values(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"!")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _says(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _brief(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).split("\n")[0][:100]


def changes(source: str) -> Iterator[tuple[str, str]]:
    """(what was changed, the whole source) of every change."""
    number = 0
    while True:
        change = Change(number)
        tree = change.visit(ast.parse(source))
        if not change.made:
            return
        yield change.made, ast.unparse(ast.fix_missing_locations(tree))
        number += 1


def passes(place: Path, tests: list[str], limit_s: float) -> bool:
    """Whether the tests of the copy pass, run in a child; one that takes too long does not."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(place)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        sys.path.insert(0, str(place))
        os.environ["PYTHONPATH"] = str(place)
        pytest = import_module("pytest")
        os._exit(
            int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "--timeout=0", *tests]))
        )
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description="Which changes of a module do its tests not notice?")
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=0, help="try about so many, evenly spread; 0: all")
    wish = parser.parse_args()
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for name in LOADED:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="naesil-mutants-") as folder:
        place = Path(folder) / "checkout"
        names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in names.stdout.splitlines():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
        began = time.monotonic()
        if not passes(place, wish.tests, 600):
            print("the tests do not pass as they are")
            return 2
        limit_s = max(LEAST_S, TIMES_AS_LONG * (time.monotonic() - began))
        source = (place / wish.module).read_text("utf-8")
        every = list(changes(source))
        step = max(1, len(every) // wish.most) if wish.most else 1
        tried, survived = 0, 0
        for what, changed in every[::step]:
            (place / wish.module).write_text(changed, "utf-8")
            tried += 1
            if passes(place, wish.tests, limit_s):
                survived += 1
                print(f"{wish.module}:{what}", flush=True)
        print(f"{wish.module}: {tried} of {len(every)} changes tried, {survived} not noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
