"""The organisation's own words (project names, code names): one pass for up to 100,000 of them.

An Aho-Corasick automaton over the lower-cased text; its time does not depend on how many terms
there are.
"""

from collections.abc import Iterable, Iterator, Mapping

import ahocorasick

from appliance.policy.detectors.finding import Finding, Kind, Level
from appliance.policy.detectors.normalise import normalise

SHORTEST, LONGEST, MOST = 2, 100, 100_000


class Terms:
    """Lists of terms by name, found whatever their case or width. Immutable once made."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        names: dict[str, str] = {}
        for name, words in lists.items():
            for word in words:
                names.setdefault(_lower(normalise(word.strip()).text), name)
        names.pop("", None)
        self.longest = max(map(len, names), default=0)
        self._count = len(names)
        self._automaton = ahocorasick.Automaton()
        for term, name in names.items():
            self._automaton.add_word(term, (len(term), f"term.{name}"))
        if names:
            self._automaton.make_automaton()

    def __len__(self) -> int:
        return self._count

    def find(self, text: str) -> Iterator[Finding]:
        """The longest term at each position of a normalised text."""
        if not self._count:
            return
        longest: dict[int, tuple[int, str]] = {}
        for last, (length, rule) in self._automaton.iter(_lower(text)):
            longest[last + 1 - length] = (length, rule)  # ends come in order: the last is the longest
        for start, (length, rule) in longest.items():
            yield Finding(Kind.TERM, Level.HIGH, start, start + length, rule, "*" * length)


def _lower(text: str) -> str:
    """Lower case of the same length: the few letters that would grow stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)
