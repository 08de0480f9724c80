"""Proofs as text: C2SP tlog-proof for one entry, and the request of tlog-witness for consistency.

Both end with a checkpoint, verbatim. Nothing is checked by parsing but the form.
"""

import re
from dataclasses import dataclass

from appliance.tlog.faults import NoteError
from appliance.tlog.merkle import HASH_BYTES
from appliance.tlog.note import decode64, encode64

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_STEPS = 63
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry's place under a checkpoint. `extra` holds the entry's own bytes, or none."""

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    def text(self) -> str:
        extra = f"extra {encode64(self.extra)}\n" if self.extra else ""
        return f"{PROOF_HEADER}\n{extra}index {self.index}\n{_hash_lines(self.path)}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "EntryProof":
        """NoteError when it is malformed."""
        head, _, note = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != PROOF_HEADER:
            raise NoteError("not a proof of an entry")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = decode64(lines.pop(0).removeprefix("extra "))
        return cls(*_parse_numbered(lines, "index"), note, extra)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That a checkpoint extends the first `old` entries; what a witness is sent to cosign."""

    old: int
    path: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        return f"old {self.old}\n{_hash_lines(self.path)}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "ConsistencyProof":
        """NoteError when it is malformed."""
        head, _, note = text.partition("\n\n")
        return cls(*_parse_numbered(head.split("\n"), "old"), note)


def _hash_lines(path: tuple[bytes, ...]) -> str:
    return "".join(f"{encode64(step)}\n" for step in path)


def _parse_numbered(lines: list[str], word: str) -> tuple[int, tuple[bytes, ...]]:
    """(number, hashes) of "WORD number" and the lines after it."""
    name, _, number = (lines or [""])[0].partition(" ")
    if name != word or not _NUMBER.fullmatch(number):
        raise NoteError(f"no line '{word}' with a number")
    path = tuple(decode64(line) for line in lines[1:])
    if len(path) > MAX_STEPS or any(len(step) != HASH_BYTES for step in path):
        raise NoteError("not hashes of a proof")
    return int(number), path
