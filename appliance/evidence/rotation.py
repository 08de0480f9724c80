"""Replacing a log's key: the statement that every key concerned has signed, old ones and new ones.

It is a signed note of nine lines: the header, the log's origin, size and root of the tree when the
new key took over, the old verifier key and its second one, the new ones likewise ('-' where there is
no second key), and the time. Whoever trusts one key of a chain of such statements may follow it in
both directions.
"""

from dataclasses import dataclass

from appliance.tlog.cosign import CosignerKey
from appliance.tlog.faults import NoteError
from appliance.tlog.note import Note, Verifier, decode64, encode64

ROTATION_HEADER = "naesil.log/rotation/v1"
NONE = "-"
LINES_OF_STATEMENT = 9


@dataclass(frozen=True, slots=True)
class LogKeys:
    """What signs a log at a time: its Ed25519 key, and its ML-DSA-44 key if it has one."""

    first: Verifier
    second: CosignerKey | None = None

    @classmethod
    def parse(cls, first: str, second: str) -> "LogKeys":
        """From two lines of a statement. NoteError when they are no keys of one log."""
        key = Verifier.parse(first)
        other = None if second == NONE else CosignerKey.parse(second)
        if other is not None and other.name != key.name:
            raise NoteError("keys of two logs")
        return cls(key, other)

    def lines(self) -> tuple[str, str]:
        return str(self.first), NONE if self.second is None else str(self.second)

    def text(self) -> str:
        """As a key file has them."""
        return "".join(f"{line}\n" for line in self.lines() if line != NONE)

    def check_statement(self, note: str) -> None:
        """NoteError unless each of the keys signed this note."""
        self.first.open(note)
        if self.second is not None:
            self.second.open_statement(Note.parse(note))


@dataclass(frozen=True, slots=True)
class Rotation:
    """`new` signs every tree of more than `size` entries; `old` none. All of them signed this."""

    origin: str
    size: int
    root: bytes
    old: LogKeys
    new: LogKeys
    time: str

    def text(self) -> str:
        lines = (
            ROTATION_HEADER, self.origin, str(self.size), encode64(self.root),
            *self.old.lines(), *self.new.lines(), self.time,
        )  # fmt: skip
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def open(cls, note: str) -> "Rotation":
        """The statement, every signature checked. NoteError otherwise."""
        lines = Note.parse(note).text.split("\n")
        if len(lines) != LINES_OF_STATEMENT + 1 or lines[0] != ROTATION_HEADER or not lines[2].isdecimal():
            raise NoteError("not a statement of a key's replacement")
        _, origin, size, root, *keys, time, _ = lines
        old, new = LogKeys.parse(keys[0], keys[1]), LogKeys.parse(keys[2], keys[3])
        rotation = cls(origin, int(size), decode64(root), old, new, time)
        if rotation.text() != Note.parse(note).text or {old.first.name, new.first.name} != {origin}:
            raise NoteError("not a statement of a key's replacement")
        for signers in (old, new):
            signers.check_statement(note)
        return rotation


def split_statements(text: str) -> list[str]:
    """Statements that stand one after another, each with its text, empty line and signatures."""
    return [
        f"{ROTATION_HEADER}\n{part}".rstrip("\n") + "\n" for part in text.split(ROTATION_HEADER + "\n")[1:]
    ]
