"""One spelling for what people type in many: full-width digits, odd dashes, invisible characters.

NFKC (Unicode Standard Annex 15) piece by piece, so that every character of the result knows
where it came from. Two departures: circled and superscript digits stay as they are unless
four or more stand together, because NFKC would glue a list's number to the phone number behind it;
Hangul letters typed alone stay, because no detector reads them.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

# Characters that are already in their final form and common: everything else is looked at.
_PLAIN = (
    "\x00-\x7f\u00a7\u00ab\u00b0\u00b1\u00b7\u00bb"
    "\u2018-\u201d\u2022\u2026\u203b\u2190-\u2193\u25a0-\u25ff\u2605"
    "\u2606\u3001\u3002\u3008-\u3011\u3131-\u3163\u4e00-\u9fff\uac00-\ud7a3"
)
_DELETED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0"
)
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_COUNTERS = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2460-\u249b"
    "\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3280-\u3289"
)

_SPECIAL = re.compile(f"[^{_PLAIN}]+")
_PIECE = re.compile(
    f"(?P<deleted>[{_DELETED}]+)"
    "|(?P<wide>[\uff01-\uff0c\uff0e-\uff5e]+)"  # printable ASCII, wide: as many characters as before
    f"|(?P<dash>[{_DASHES}])"
    f"|(?P<spread>[{_COUNTERS}]{{4,}})"
    f"|(?P<kept>[{_COUNTERS}])"
    "|(?P<other>[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"
    f"|[^{_PLAIN}])"
)
# "9 0 0 1 0 1": single digits with single spaces between them are one number.
_SPACED = re.compile(r"[0-9] [0-9] [0-9] [0-9] [0-9] [0-9](?: [0-9])*(?![0-9])")


@dataclass(frozen=True, slots=True)
class Normalised:
    """The text to scan, and the way back to the original.

    `outs`, `sources` and `widths` describe consecutive pieces: a piece begins at outs[i] in
    `text` and at sources[i] in the original. Width 0 means character by character; otherwise
    the whole piece came from that many original characters.
    """

    text: str
    outs: tuple[int, ...] = (0,)
    sources: tuple[int, ...] = (0,)
    widths: tuple[int, ...] = (0,)

    def start(self, index: int) -> int:
        """Where the original of character `index` begins."""
        piece = bisect_right(self.outs, index) - 1
        if self.widths[piece]:
            return self.sources[piece]
        return self.sources[piece] + index - self.outs[piece]

    def end(self, index: int) -> int:
        """Where the original of the text before `index` ends (index >= 1)."""
        piece = bisect_right(self.outs, index - 1) - 1
        if self.widths[piece]:
            return self.sources[piece] + self.widths[piece]
        return self.sources[piece] + index - self.outs[piece]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the original of characters [start, end) begins and ends."""
        piece = bisect_right(self.outs, start) - 1
        last = piece + 1 == len(self.outs) or end <= self.outs[piece + 1]
        if last and not self.widths[piece]:
            shift = self.sources[piece] - self.outs[piece]
            return start + shift, end + shift
        return self.start(start), self.end(end)

    def splits(self, index: int) -> bool:
        """Whether cutting before `index` would tear the original of one character apart."""
        return 0 < index < len(self.text) and self.start(index) < self.end(index)


class _Builder:
    """Collects the pieces; `length` is how many characters have come out so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[str] = []
        self.length = 0
        self.outs = [0]
        self.sources = [0]
        self.widths = [0]

    def same(self, start: int, end: int) -> None:
        """Original characters [start, end) as they are."""
        if end > start:
            self.one_to_one(start, self.text[start:end])

    def one_to_one(self, start: int, out: str) -> None:
        if self.widths[-1] or self.sources[-1] + self.length - self.outs[-1] != start:
            self._piece(start, 0)
        self.parts.append(out)
        self.length += len(out)

    def replaced(self, start: int, width: int, out: str) -> None:
        """`width` original characters became `out`."""
        if len(out) == width == 1:
            self.one_to_one(start, out)
        elif out:
            self._piece(start, width)
            self.parts.append(out)
            self.length += len(out)

    def _piece(self, start: int, width: int) -> None:
        if self.outs[-1] == self.length:  # the piece before came to nothing
            self.outs.pop(), self.sources.pop(), self.widths.pop()
        self.outs.append(self.length)
        self.sources.append(start)
        self.widths.append(width)

    def build(self) -> Normalised:
        return Normalised("".join(self.parts), tuple(self.outs), tuple(self.sources), tuple(self.widths))


def normalise(text: str) -> Normalised:
    """The text as detectors read it. Text in its usual form costs one look."""
    plain = Normalised(text)
    if not text.isascii() and _SPECIAL.search(text) is not None:
        plain = _replace_unusual(text)
    return _join_spaced(plain) if _SPACED.search(plain.text) else plain


def _replace_unusual(text: str) -> Normalised:
    builder = _Builder(text)
    position = 0
    for run in _SPECIAL.finditer(text):
        builder.same(position, run.start())
        position = run.end()
        for match in _PIECE.finditer(text, *run.span()):
            _replace_piece(builder, match)
    builder.same(position, len(text))
    return builder.build()


def _replace_piece(builder: _Builder, match: re.Match[str]) -> None:
    start, end = match.span()
    group = match.lastgroup
    if group == "dash":
        builder.one_to_one(start, "-")
    elif group == "wide":
        builder.one_to_one(start, unicodedata.normalize("NFKC", match.group()))
    elif group == "kept":
        builder.same(start, end)
    elif group == "spread":
        for index in range(start, end):
            builder.replaced(index, 1, unicodedata.normalize("NFKC", match.string[index]))
    elif group == "other":
        builder.replaced(start, end - start, unicodedata.normalize("NFKC", match.group()))


def _join_spaced(plain: Normalised) -> Normalised:
    """Take the spaces out of runs of single digits."""
    text = plain.text
    builder = _Builder(text)
    position = 0
    for match in _SPACED.finditer(text):
        start = match.start()
        if start and text[start - 1] in "0123456789":
            start += 2  # its first digit ends a longer group
        for space in range(start + 1, match.end(), 2):
            builder.same(position, space)
            position = space + 1
    builder.same(position, len(text))
    joined = builder.build()
    return _chain(joined, plain)


def _chain(outer: Normalised, inner: Normalised) -> Normalised:
    """`outer` maps onto inner.text; the result maps onto inner's original."""
    outs: list[int] = []
    sources: list[int] = []
    widths: list[int] = []
    for number, out in enumerate(outer.outs):
        length = (outer.outs[number + 1] if number + 1 < len(outer.outs) else len(outer.text)) - out
        first = outer.sources[number]
        cuts = [first, *(cut for cut in inner.outs if first < cut < first + length)]
        for cut in cuts:
            piece = bisect_right(inner.outs, cut) - 1
            outs.append(out + cut - first)
            widths.append(inner.widths[piece])
            sources.append(inner.start(cut))
    return Normalised(outer.text, tuple(outs), tuple(sources), tuple(widths))
