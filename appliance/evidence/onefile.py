"""The verifier as one file, made from the very sources that the product runs.

The modules are joined in the order they build on one another; their imports of each other and
their docstrings' places are all that changes. Reading the file is reading the product's code.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
MODULES = (
    "tlog/merkle",
    "tlog/faults",
    "tlog/note",
    "tlog/cosign",
    "tlog/tiles",
    "tlog/proof",
    "evidence/faults",
    "evidence/auditorkey",
    "evidence/auditor",
    "evidence/record",
    "evidence/formats",
    "evidence/layout",
    "evidence/archive",
    "evidence/rotation",
    "evidence/keys",
    "evidence/verdict",
    "evidence/treecheck",
    "evidence/entrycheck",
    "evidence/manifestcheck",
    "evidence/exportcheck",
    "evidence/opening",
    "evidence/openingrecord",
    "evidence/certificate",
    "evidence/singlecheck",
    "evidence/witness",
    "evidence/program",
)
HEAD = '''#!/usr/bin/env python3
"""Checks what Naesil's audit log gives out: exports, entries, checkpoints, disclosed texts.

One file for Python 3.11 or later with the package `cryptography`; run with --help. It opens no
connection and writes nothing but keys, a witness's memory and the records of openings. Joined from
the product's sources.
"""
'''
FOOT = '\n\nif __name__ == "__main__":\n    raise SystemExit(main())\n'


def verifier_source() -> str:
    """The whole program. ValueError when two modules use one name for different things."""
    imports: dict[str, set[str]] = {}
    bodies, owner = [], dict[str, str]()
    for module in MODULES:
        source = (PACKAGE / f"{module}.py").read_text("utf-8")
        tree = ast.parse(source)
        for name in _names(tree):
            if owner.setdefault(name, module) != module:
                raise ValueError(f"'{name}' is in {owner[name]} and in {module}")
        bodies.append(f"\n\n# ---- appliance/{module}.py ----\n{_body(source, tree, imports)}")
    return HEAD + "\n" + _import_lines(imports) + "\n" + "".join(bodies) + FOOT


def _body(source: str, tree: ast.Module, imports: dict[str, set[str]]) -> str:
    """The module's text without its imports, which go to `imports` unless they are our own."""
    lines = source.splitlines()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.asname for alias in node.names):
                raise ValueError(f"a renamed import at line {node.lineno}")
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            if not module.startswith("appliance"):
                imports.setdefault(module, set()).update(alias.name for alias in node.names)
            for at in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[at] = ""
    return "\n".join(_squeezed(lines)) + "\n"


def _import_lines(imports: dict[str, set[str]]) -> str:
    """One line a module, names in order."""
    lines = [f"import {name}" for name in sorted(imports.pop("", set()))]
    return "\n".join(
        lines + [f"from {name} import {', '.join(sorted(imports[name]))}" for name in sorted(imports)]
    )


def _squeezed(lines: list[str]) -> list[str]:
    """Without more than two empty lines in a row."""
    return [line for at, line in enumerate(lines) if line or any(lines[max(0, at - 2) : at])]


def _names(tree: ast.Module) -> list[str]:
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names
