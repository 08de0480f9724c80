"""The text as detectors see it: normalised, with its stretches of digits found once for all."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cached_property

# What may stand between two groups of one number: one space, or a dash or dot with one space
# around it; a line may break after the dash.
JOIN = r"(?: ?[-.][ \n]?| )"

MIN_DIGITS = 9
_STRETCH = re.compile(r"[0-9](?:(?: ?[-.][ \n]?|[ \t\n])?[0-9]){8}[-0-9. \t\n]*")

BEFORE, AFTER = 24, 12


class View:
    """One normalised text on one day. `today` decides which birth dates are still to come."""

    def __init__(self, text: str, today: date) -> None:
        self.text = text
        self.today = today

    @cached_property
    def stretches(self) -> list[tuple[int, int]]:
        """Where nine or more digits stand close together, and so where long numbers can be."""
        return [match.span() for match in _STRETCH.finditer(self.text)]

    def numbers(self, shape: re.Pattern[str], shortest: int) -> Iterator[re.Match[str]]:
        """Every place where `shape` fits inside the stretches, overlapping ones too.

        `shortest` is the fewest characters a match can have. A match may begin one character
        before a stretch, for the plus of a country code.
        """
        for start, end in self.stretches:
            if end - start >= shortest:
                yield from self.every(shape, max(start - 1, 0), end)

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
    return "".join(char for char in text if "0" <= char <= "9")
