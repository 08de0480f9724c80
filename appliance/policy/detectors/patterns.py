"""The organisation's own patterns, matched by RE2: linear time, whatever the pattern or the text.

A pattern must have a longest match and must not look at where the text begins or ends, so that
its findings depend only on the text near them, as those of all other detectors.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined, unused-ignore]  # no stubs
from re import _parser  # type: ignore[attr-defined, unused-ignore]  # no stubs
from typing import Any

from appliance.errors import N_, Said
from appliance.policy.detectors.finding import Finding, Kind, Level, stars

LONGEST = 200
MAX_MEMORY = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_EDGES = {sre.AT_BEGINNING, sre.AT_BEGINNING_STRING, sre.AT_END, sre.AT_END_STRING}


class BadPattern(ValueError):
    """A pattern that is not taken; `said` tells why and what to write instead."""

    def __init__(self, template: str, **params: object) -> None:
        self.said = Said(template, **params)
        super().__init__(str(self.said))


@dataclass(frozen=True, slots=True)
class OwnPattern:
    """One pattern of the organisation. Make it with `read_pattern`."""

    name: str
    level: Level
    source: str
    longest: int
    compiled: Any

    def find(self, text: str) -> Iterator[Finding]:
        """Every place in a normalised text where it fits, overlapping ones too."""
        for match in self.compiled.finditer(text):
            yield self._finding(text, *match.span())
            yield from self._overlapping(text, match.start(), match.end())

    def _overlapping(self, text: str, start: int, end: int) -> Iterator[Finding]:
        piece = text[start : end + self.longest]
        place = 1
        while place < end - start and (match := self.compiled.search(piece, place)) is not None:
            if start + match.start() >= end:
                return
            yield self._finding(text, start + match.start(), start + match.end())
            place = match.start() + 1

    def _finding(self, text: str, start: int, end: int) -> Finding:
        return Finding(Kind.PATTERN, self.level, start, end, f"pattern.{self.name}", stars(text[start:end]))


class Patterns:
    """Several patterns; one look at the text says which of them are worth a second."""

    def __init__(self, patterns: Sequence[OwnPattern]) -> None:
        self._patterns = tuple(patterns)
        self.longest = max((pattern.longest for pattern in patterns), default=0)
        self._set: Any = None
        if patterns:
            self._set = _re2().Set.SearchSet(_options())
            for pattern in patterns:
                self._set.Add(pattern.source)
            self._set.Compile()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(pattern.name for pattern in self._patterns)

    def find(self, text: str) -> Iterator[Finding]:
        if self._set is None:
            return
        if not text.isascii() and _SURROGATE.search(text):
            text = _SURROGATE.sub("?", text)  # RE2 reads UTF-8
        for place in sorted(self._set.Match(text) or ()):
            yield from self._patterns[place].find(text)


def read_pattern(name: str, source: str, level: Level) -> OwnPattern:
    """The pattern compiled. Raises BadPattern."""
    try:
        parsed = _parser.parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(N_("this is no pattern (%(problem)s)"), problem=error) from None
    shortest, longest = parsed.getwidth()
    if longest > LONGEST:
        raise BadPattern(
            N_("it can match more than %(most)d characters; give every repeat a largest count, as in {1,20}"),
            most=LONGEST,
        )
    if shortest == 0:
        raise BadPattern(N_("it matches nothing at all; at least one character is needed"))
    if _looks_at_edges(parsed):
        raise BadPattern(N_("^, $, \\A and \\Z are not used here; \\b finds the edge of a word"))
    try:
        compiled = _re2().compile(source, _options())
    except _re2().error as error:
        said = error.args[0] if error.args else ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise BadPattern(N_("RE2 does not take it (%(problem)s)"), problem=text[:120]) from None
    return OwnPattern(name, level, source, int(longest), compiled)


def _re2() -> Any:
    """RE2, loaded with the first pattern: it is large, and many houses have no pattern of their own."""
    import re2  # noqa: PLC0415 - see above

    return re2


def _options() -> Any:
    options = _re2().Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    options.never_capture = True
    return options


def _looks_at_edges(parsed: Any) -> bool:
    """Whether a part of the parsed pattern asks where the text begins or ends."""
    for operator, argument in parsed:
        if operator is sre.AT and argument in _EDGES:
            return True
        pieces = argument if isinstance(argument, (tuple, list)) else (argument,)
        for piece in pieces:
            inner = piece if isinstance(piece, list) else [piece]
            if any(isinstance(one, _parser.SubPattern) and _looks_at_edges(one) for one in inner):
                return True
    return False
