"""The organisation's own words (project names, code names), up to 100,000 of them.

Terms are grouped by their first characters; a position of the text is looked at closer only
when it begins like some term. That takes no automaton in memory and one pass, whatever the
number of terms.
"""

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
        self._pairs = frozenset(term for term in self._terms if len(term) < _HEAD)
        self.longest = max(map(len, self._terms), default=0)

    def __len__(self) -> int:
        return len(self._terms)

    def find(self, view: View) -> Iterator[Finding]:
        """The longest term at each position."""
        if not self._terms:
            return
        text, lengths = _lower(view.text), self._lengths
        starts = [index for index in range(len(text)) if text[index : index + _HEAD] in lengths]
        found = {start: self._longest_at(text, start) for start in starts}
        if self._pairs:
            pairs = self._pairs
            for index in range(len(text) - 1):
                if text[index : index + 2] in pairs:
                    found[index] = max(found.get(index, 0), 2)
        for start, length in found.items():
            if length:
                yield Finding(Kind.TERM, Level.HIGH, start, start + length, "term.listed", "*" * length)

    def _longest_at(self, text: str, start: int) -> int:
        for length in self._lengths[text[start : start + _HEAD]]:
            if text[start : start + length] in self._terms:
                return length
        return 0


def _lower(text: str) -> str:
    """Lower case of the same length: the few letters that would grow stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)
