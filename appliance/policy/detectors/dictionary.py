"""The organisation's own words (project names, code names), up to 100,000 of them.

Terms are grouped by their first characters; a position of the text is looked at closer only
when it begins like some term. That takes no automaton in memory and one pass, whatever the
number of terms. A text of n characters costs n set look-ups at worst, times the few lengths
that terms with the same head have.
"""

import re
from collections.abc import Iterable, Iterator

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.normalise import normalise
from appliance.policy.detectors.view import View

SHORTEST, LONGEST, MOST = 2, 100, 100_000
_HEAD = 3


class Dictionary:
    """Terms to find, ignoring case and width. Immutable once made."""

    def __init__(self, terms: Iterable[str] = ()) -> None:
        self._terms = frozenset(_lower(normalise(term.strip()).text) for term in terms)
        self._lengths: dict[str, tuple[int, ...]] = {}
        for head, length in sorted({(term[:_HEAD], len(term)) for term in self._terms}, reverse=True):
            self._lengths[head] = (*self._lengths.get(head, ()), length)
        firsts = "".join(sorted({re.escape(term[0]) for term in self._terms}))
        seconds = "".join(sorted({re.escape(term[1]) for term in self._terms}))
        self._start = re.compile(f"[{firsts}](?=[{seconds}])") if self._terms else None
        self.longest = max(map(len, self._terms), default=0)

    def __len__(self) -> int:
        return len(self._terms)

    def find(self, view: View) -> Iterator[Finding]:
        """The longest term at each position."""
        if self._start is None:
            return
        text = _lower(view.text)
        for match in self._start.finditer(text):
            start = match.start()
            length = self._longest_at(text, start)
            if length:
                yield Finding(Kind.TERM, Level.HIGH, start, start + length, "term.listed", "*" * length)

    def _longest_at(self, text: str, start: int) -> int:
        head = text[start : start + _HEAD]
        for length in self._lengths.get(head, ()):
            if text[start : start + length] in self._terms:
                return length
        return SHORTEST if head[:SHORTEST] in self._terms else 0


def _lower(text: str) -> str:
    """Lower case of the same length: the few letters that would grow stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)
