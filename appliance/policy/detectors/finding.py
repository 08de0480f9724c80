"""What a detector says: a kind, how sure it is, where, by which rule, and what to show instead."""

import re
from enum import IntEnum, StrEnum
from string import ascii_letters, digits
from typing import NamedTuple

_LETTERS_AND_DIGITS = re.compile(r"[^\W_]")
_ASCII_STARS = str.maketrans(dict.fromkeys(ascii_letters + digits, "*"))


class Kind(StrEnum):
    """What was found. The order is the precedence between equally sure overlapping findings."""

    SECRET = "secret"  # noqa: S105 - a kind of finding
    RRN = "rrn"
    FOREIGNER = "foreigner"
    LICENCE = "licence"
    PASSPORT = "passport"
    IBAN = "iban"
    CARD = "card"
    PHONE = "phone"
    BUSINESS = "business"
    CORPORATE = "corporate"
    HEALTH_INSURANCE = "health_insurance"
    ACCOUNT = "account"
    MILITARY = "military"
    STUDENT = "student"
    VEHICLE = "vehicle"
    EMAIL = "email"
    IP = "ip"
    ADDRESS = "address"
    NAME = "name"
    TERM = "term"
    PATTERN = "pattern"


CUSTOM = frozenset({Kind.TERM, Kind.PATTERN})  # there can be several of each, told apart by name


class Level(IntEnum):
    """How sure a detector is."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Finding(NamedTuple):
    """`start` and `end` are character offsets on the text that was scanned, end exclusive.

    `rule` names the evidence ("rrn.hyphen"); `mask` is what may be shown in its place.
    """

    type: Kind
    level: Level
    start: int
    end: int
    rule: str
    mask: str

    @property
    def detector(self) -> str:
        """The name that rules use: the kind, or for the organisation's own `kind:name`."""
        return f"{self.type}:{self.rule.partition('.')[2]}" if self.type in CUSTOM else self.type.value


def stars(text: str, keep: int = 0) -> str:
    """`text` with every letter and digit after the first `keep` characters replaced by "*"."""
    rest = text[keep:]
    starred = rest.translate(_ASCII_STARS) if rest.isascii() else _LETTERS_AND_DIGITS.sub("*", rest)
    return text[:keep] + starred
