"""The attestation: what the guard and its self-attack showed at one moment, as a text that can be signed.

A C2SP signed note under the log's key. Its first line is its own, so it can never be taken for a
checkpoint; the sealer signs nothing else of this kind.
"""

import hashlib
import json
import platform
from datetime import datetime
from typing import TYPE_CHECKING, Any

from appliance.tlog.faults import NoteError

if TYPE_CHECKING:  # the supervisor writes statements and loads no cryptography
    from appliance.tlog.note import Verifier

KIND = "naesil.egress.attestation/v1"
_FIELDS = ("time", "product", "kernel", "level", "techniques", "leaked", "void", "report")


def statement(time: datetime, version: str, status: dict[str, Any], probe: dict[str, Any]) -> str:
    """The text to sign: facts a person reads, a hash, and the whole report as one line of JSON."""
    report = json.dumps({"status": status, "probe": probe}, sort_keys=True, separators=(",", ":"))
    leaked = sum(row["outcome"] == "LEAKED" for row in probe["rows"]) + len(probe["heard"])
    values = {
        "time": time.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "product": f"naesil {version}",
        "kernel": f"{platform.release()} {platform.machine()}",
        "level": status["level"],
        "techniques": str(len(probe["rows"])),
        "leaked": str(leaked),
        "void": str(len(probe["void"])),
        "report": hashlib.sha256(report.encode()).hexdigest(),
    }
    return "\n".join([KIND, *(f"{name} {values[name]}" for name in _FIELDS), report, ""])


def is_statement(text: str) -> bool:
    """Whether the sealer may sign this: our kind, every field in its place, the hash true."""
    try:
        parse(text)
    except NoteError:
        return False
    return True


def parse(text: str) -> dict[str, Any]:
    """The fields and the report of a statement. NoteError when it is none."""
    lines = text.split("\n")
    if len(lines) != len(_FIELDS) + 3 or lines[0] != KIND or lines[-1]:
        raise NoteError("not an attestation")
    values = dict(line.split(" ", 1) for line in lines[1:-2] if " " in line)
    if tuple(values) != _FIELDS or hashlib.sha256(lines[-2].encode()).hexdigest() != values["report"]:
        raise NoteError("not an attestation")
    try:
        return {**values, **json.loads(lines[-2])}
    except ValueError:
        raise NoteError("not an attestation") from None


def check(note: str, verifier: "Verifier") -> dict[str, Any]:
    """The fields and the report of a note this key signed. NoteError otherwise."""
    return parse(verifier.open(note))


def fields(note: str) -> dict[str, Any]:
    """The fields and the report of a note, its signature unchecked. NoteError when it is none."""
    text, _, _ = note.rpartition("\n\n")
    return parse(text + "\n")
