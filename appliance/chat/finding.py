"""Finding words in a text as people type them: any case or width, Korean particles glued on. Pure.

NFKC and case folding make ＡＢＣ, abc and Ａbc one; a word is found wherever its letters stand
together, so 회의 finds 회의록을.
"""

import re
import unicodedata
from dataclasses import dataclass

AROUND = 40
MOST_WORDS = 16
_MARKS = re.compile(r"\]\([^)\s]*\)?|\*\*|`+|\[|(?:^|(?<=\s))#+\s")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of the text around the first word found: before it, the word itself, after it."""

    before: str
    match: str
    after: str


class Needle:
    """The words of one search; false when there are none."""

    def __init__(self, words: str) -> None:
        self._words = [fold(word) for word in words.split()[:MOST_WORDS]]

    def __bool__(self) -> bool:
        return bool(self._words)

    def found_in(self, text: str) -> Snippet | None:
        """Where the first word stands, if all of them stand in the text."""
        folded = fold(text)
        if not all(word in folded for word in self._words):
            return None
        if len(folded) != len(text):  # some letter changed its length: show the folded text instead
            text = folded
        at = folded.find(self._words[0])
        end = at + len(self._words[0])
        return Snippet(
            _one_line(text[max(0, at - AROUND) : at]), text[at:end], _one_line(text[end : end + AROUND])
        )


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _one_line(text: str) -> str:
    """A piece of Markdown as it reads: without its marks and the addresses of links."""
    return _MARKS.sub("", text.replace("\n", " "))
