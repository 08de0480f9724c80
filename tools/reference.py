"""Writes the parts of docs/ that the sources know best: policies, commands, settings, modules.

python tools/reference.py           write them anew
python tools/reference.py --check   change nothing, exit 1 if one is out of date
"""

import ast
import dataclasses
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from appliance.cli.app import app
from appliance.config import Settings
from appliance.policy.schema import schemas

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MARK = "<!-- written by tools/reference.py -->"

VALUES = {Path: "PATH", int: "NUMBER", float: "NUMBER", datetime: "TIME"}

Schema = dict[str, Any]


def policies() -> str:
    """Every key of every policy file: what it takes, what it means when it is left out."""
    parts = [
        "# Policies, key by key",
        MARK,
        "What each file is for is in [policies.md](policies.md). A key without a default must be there; "
        "a key that is not listed is an error that names its line.",
    ]
    for file, text in schemas().items():
        schema = json.loads(text)
        parts += [f"## {file.removesuffix('.schema.json')}.yaml", said(schema)]
        parts.append(table(schema))
        for name, below in sorted(schema.get("$defs", {}).items()):
            if "properties" in below:
                parts += [f"### {name}", said(below), table(below)]
            else:
                parts += [f"### {name}", said(below), f"One of: {takes(below)}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def said(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split())


def table(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = ["| key | takes | default | |", "|---|---|---|---|"]
    for name, value in schema.get("properties", {}).items():
        default = "" if name in required else f"`{json.dumps(value.get('default'), ensure_ascii=False)}`"
        rows.append(f"| `{name}` | {takes(value)} | {default} | {cell(said(value))} |")
    return "\n".join(rows)


def takes(schema: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(takes(one) for one in several)
    if schema.get("type") == "array":
        return f"list of {takes(schema.get('items', {}))}"
    return f"{kind(schema)}{bounds(schema)}"


def kind(schema: Schema) -> str:
    names = {
        "integer": "whole number",
        "boolean": "true or false",
        "string": "text",
        "object": "keys",
        "null": "none",
    }
    return names.get(str(schema.get("type")), str(schema.get("type", "anything")))


def bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" {least} to {most}"
    words = [f", at least {least}"] * (least is not None) + [f", at most {most}"] * (most is not None)
    return "".join(words)


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def commands() -> str:
    """Every command with its options, as --help says it."""
    parts = ["# Commands", MARK, "Each also says this by `--help`."]
    for name, command in walk(typer.main.get_command(app), ()):
        parts += [f"## appliance {name}", " ".join((command.help or "").split())]
        rows = [
            f"| `{spelling(one)}` | {cell(meaning(one))} |" for one in command.params if one.name != "help"
        ]
        if rows:
            parts.append("\n".join(["| | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from walk(below, (*path, name))
    else:
        yield " ".join(path), command


def spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper()
    shown = ", ".join((*parameter.opts, *parameter.secondary_opts))
    annotation = parameter.type_descriptor.annotation
    flag = parameter.is_flag or annotation is bool
    return shown if flag else f"{shown} {VALUES.get(annotation, 'TEXT')}"


def meaning(parameter: Any) -> str:
    text = " ".join((getattr(parameter, "help", None) or "").split())
    return f"{text} (required)".strip() if parameter.required else text


def settings() -> str:
    """Every setting with its default."""
    rows = ["| setting | default | |", "|---|---|---|"]
    for entry in dataclasses.fields(Settings):
        if entry.name not in {"data", "sources"}:
            rows.append(
                f"| `{entry.name}` | `{json.dumps(entry.default)}` | {cell(entry.metadata['help'])} |"
            )
    words = (
        "One order, always: flag > environment (`NAESIL_` and the name in capitals) > `config.toml` in the "
        "data folder > default. `appliance doctor` says where each value came from. Who may do what, "
        "limits and retention are not here but in [policies](policies.md)."
    )
    return "\n\n".join(["# Settings", MARK, words, "\n".join(rows)]) + "\n"


def modules() -> str:
    """docs/architecture.md with one line for each module."""
    before, mark, _ = (DOCS / "architecture.md").read_text("utf-8").partition(MARK)
    lines: list[str] = []
    folder: Path | None = None
    for path in sorted((ROOT / "appliance").rglob("*.py"), key=lambda path: (path.parent, path.name)):
        if path.parent != folder:
            folder = path.parent
            lines += ["", f"### {folder.relative_to(ROOT).as_posix()}", "", "| | |", "|---|---|"]
        reason = ast.get_docstring(ast.parse(path.read_text("utf-8")))
        if reason is None and path.stat().st_size:
            raise SystemExit(f"{path}: say in a docstring what this module is for")
        if reason:
            first = " ".join(reason.split("\n\n")[0].split())
            lines.append(f"| `{path.stem}` | {cell(first)} |")
    return before + (mark or MARK) + "\n" + "\n".join(lines) + "\n"


WRITTEN = {
    "policies-reference.md": policies,
    "commands.md": commands,
    "settings.md": settings,
    "architecture.md": modules,
}


def main() -> int:
    stale = []
    for name, write in WRITTEN.items():
        text, path = write(), DOCS / name
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(text, "utf-8")
    if "--check" in sys.argv[1:] and stale:
        print(f"out of date: {', '.join(stale)}. Run python tools/reference.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
