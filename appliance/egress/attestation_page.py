"""An attestation for reading and for printing: as text and as one HTML file without scripts or styles."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from appliance.egress import attestation
from appliance.logs import harmless, one_line

_HEAD = ("time", "product", "kernel", "level", "techniques", "leaked", "void", "report")


def text(note: str) -> str:
    """The whole of it for a terminal or a printer; the signed note itself is at the end."""
    values = attestation.fields(note)
    lines = ["Attestation of the egress guard", ""]
    lines += [f"{name:11} {values[name]}" for name in _HEAD]
    for process in values["status"]["processes"]:
        lines += ["", f"{process['process']} (process {process['pid']}): {process['level']}"]
        lines += [f"  {_mark(wall['stands'])} {wall['name']}: {wall['seen']}" for wall in process["walls"]]
    lines += ["", *(f"{_outcome(row)}" for row in values["probe"]["rows"])]
    return "\n".join([*map(one_line, lines), "", harmless(note.rstrip("\n"))])


def page(note: str) -> str:
    """The same as an HTML document."""
    values = attestation.fields(note)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        "<title>Naesil egress attestation</title></head>",
        "<body><h1>Attestation of the egress guard</h1>",
        _table((name, values[name]) for name in _HEAD),
    ]
    for process in values["status"]["processes"]:
        parts.append(f"<h2>{escape(process['process'])}: {escape(process['level'])}</h2>")
        parts.append(_table((_mark(wall["stands"]), wall["name"], wall["seen"]) for wall in process["walls"]))
    rows = values["probe"]["rows"]
    parts.append("<h2>Self-attack</h2>")
    parts.append(_table((row["process"], row["technique"], row["layer"], row["outcome"]) for row in rows))
    parts.append(f"<h2>Signed note</h2><pre>{escape(note)}</pre></body></html>")
    return "\n".join(parts) + "\n"


def _table(rows: Iterable[Sequence[Any]]) -> str:
    cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    return '<table border="1">' + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _outcome(row: dict[str, Any]) -> str:
    return f"{row['outcome']:8} {row['process']}: {row['technique']} ({row['layer']})"


def _mark(stands: bool) -> str:
    return "stands " if stands else "MISSING"
