"""The text as detectors see it: normalised, with its stretches of digits found once for all."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import NamedTuple

# What may stand between two groups of one number: one space, or a dash or dot with one space
# around it; a line may break after the dash.
JOIN = r"(?: ?[-.][ \n]?| )"

_FEWEST = 9
_STRETCH = re.compile(r"[0-9][-0-9. \t\n]{8,}")

_DIGITS_ALIKE = str.maketrans("123456789", "000000000")

# Six digits and seven, as people's and companies' registration numbers have them.
_THIRTEEN = re.compile(r"(?<![0-9])([0-9]{6})( ?[-.][ \n]?|[ \t\n])?([0-9]{7})(?![0-9])")

_NOT_DIGITS = re.compile("[^0-9]+")

BEFORE, AFTER = 24, 12


class Thirteen(NamedTuple):
    """Where such a number stands, what is between its two parts, and its digits."""

    start: int
    end: int
    join: str
    digits: str


class View:
    """One normalised text on one day. `today` decides which birth dates are still to come."""

    def __init__(self, text: str, today: date) -> None:
        self.text = text
        self.today = today

    @cached_property
    def stretches(self) -> list[tuple[int, int, int]]:
        """Where nine or more digits stand close together: start, end, how many digits."""
        found = []
        for match in _STRETCH.finditer(self.text):
            digits = match.group().translate(_DIGITS_ALIKE).count("0")
            if digits >= _FEWEST:
                found.append((*match.span(), digits))
        return found

    @cached_property
    def thirteens(self) -> list[Thirteen]:
        """Every number of six digits and seven, for the two detectors that must tell them apart."""
        return [
            Thirteen(*match.span(), match[2] or "", match[1] + match[3])
            for match in self.numbers(_THIRTEEN, 13)
        ]

    def numbers(self, shape: re.Pattern[str], fewest: int) -> Iterator[re.Match[str]]:
        """Every place where `shape` fits inside the stretches, overlapping ones too.

        `fewest` is the smallest number of digits in a match. A match may begin one character
        before a stretch, for the plus of a country code.
        """
        for start, end, digits in self.stretches:
            if digits >= fewest:
                match = shape.search(self.text, max(start - 1, 0), end)
                while match is not None:
                    yield match
                    match = shape.search(self.text, match.start() + 1, end)

    def every(
        self, shape: re.Pattern[str], start: int = 0, end: int | None = None
    ) -> Iterator[re.Match[str]]:
        """Every place where `shape` fits, overlapping ones too, so that no match hides another."""
        last = len(self.text) if end is None else end
        match = shape.search(self.text, start, last)
        while match is not None:
            yield match
            match = shape.search(self.text, match.start() + 1, last)

    def near(self, words: re.Pattern[str], start: int, end: int, before: int = BEFORE) -> bool:
        """Whether one of `words` stands shortly before `start` or after `end`."""
        text = self.text
        return (
            words.search(text, max(0, start - before), start) is not None
            or words.search(text, end, end + AFTER) is not None
        )


def digits_of(text: str) -> str:
    """Only the ASCII digits of `text`."""
    return _NOT_DIGITS.sub("", text)
