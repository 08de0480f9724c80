"""Opening what an export holds for auditors: offline, with an auditor's secret key.

Each text is checked against the commitment of its entry before it is shown. That the entries are
the log's own is another check, `check_file`, for which the log's public key is needed.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from appliance.evidence.archive import READ_BYTES, Archive, read_some
from appliance.evidence.auditor import AuditorSecret, open_box
from appliance.evidence.faults import N_, Fault, Unsound, unsound
from appliance.evidence.layout import ENTRIES, SEALED
from appliance.evidence.record import MAX_RECORD_BYTES, Record, parse_record

MAX_SEALED_LINE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenedText:
    """One prompt or reply as it was, and what its entry says of it."""

    entry: int
    id: str
    time: str
    actor: str
    action: str
    subject: str
    object: str
    outcome: str
    text: str
    key: bytes = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Without the key of the entry's commitment, which only an opening's record needs."""
        return {name: value for name, value in asdict(self).items() if name != "key"}


def open_texts(file: BinaryIO, secret: AuditorSecret) -> Iterator[OpenedText | Fault]:
    """Every sealed text in log order, or what is wrong with it. `Unsound` when the file is no export
    or holds none. Memory does not grow with the export."""
    archive = Archive(file)
    if SEALED not in archive:
        raise unsound("no-sealed-texts", N_("The export holds no texts that are sealed for auditors."))
    records = _records(archive)
    for number, line in enumerate(_lines_of(archive, SEALED, MAX_SEALED_LINE), 1):
        try:
            told = _told(line, number)
            yield _opened(_record_of(records, told), told, secret)
        except Unsound as bad:
            yield bad.fault


def _told(line: bytes, number: int) -> dict[str, Any]:
    """A line of the file: {"entry": index, "id": entry's id, "box": box}."""
    try:
        told = json.loads(line)
        if type(told["entry"]) is int and isinstance(told["id"], str) and isinstance(told["box"], dict):
            return dict(told)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise unsound(
        "sealed-line", N_("Line %(number)d of %(file)s holds no sealed text."), file=SEALED, number=number
    )


def _record_of(records: Iterator[Record], told: dict[str, Any]) -> Record:
    """The entry of this line; lines and entries both come in log order."""
    for record in records:
        if record["index"] >= told["entry"]:
            if (record["index"], record["id"]) == (told["entry"], told["id"]):
                return record
            break
    raise unsound(
        "sealed-without-entry",
        N_("The export has no entry %(entry)d that its sealed text could belong to."),
        entry=told["entry"],
    )


def _opened(record: Record, told: dict[str, Any], secret: AuditorSecret) -> OpenedText:
    index = record["index"]
    key, text = open_box(secret, record["id"], told["box"], index)
    bound = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(bound, str(record.get("commitment", ""))):
        raise unsound(
            "sealed-differs",
            N_("The sealed text is not the one that entry %(entry)d commits to."),
            entry=index,
        )
    return OpenedText(
        entry=index,
        id=record["id"],
        time=record["time"],
        actor=str(record["actor"].get("id", "")),
        action=record["action"],
        subject=str(record.get("subject", "")),
        object=str(record.get("object", "")),
        outcome=record["outcome"],
        text=text,
        key=key,
    )


def _records(archive: Archive) -> Iterator[Record]:
    for line in _lines_of(archive, ENTRIES, MAX_RECORD_BYTES):
        try:
            yield parse_record(line)
        except ValueError as error:
            raise unsound(
                "record-form", N_("%(file)s holds what is no entry: %(error)s."), file=ENTRIES, error=error
            ) from None


def _lines_of(archive: Archive, name: str, longest: int) -> Iterator[bytes]:
    """The lines of a member, none longer than that."""
    rest = b""
    with archive.open(name) as member:
        while block := read_some(member, READ_BYTES, name):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            if len(rest) > longest:
                raise unsound(
                    "line-too-long", N_("%(file)s has a line longer than an entry can be."), file=name
                )
    if rest:
        raise unsound("line-cut", N_("The last line of %(file)s has no end."), file=name)


def printable(text: str) -> str:
    """A text for a terminal: nothing in it can move the cursor or change what was printed."""
    return "".join(one if one in "\n\t" or one.isprintable() else f"\\u{ord(one):04x}" for one in text)
