"""Which tokens would put a Han character into an answer, also one cut over several tokens.

Works on bytes: in UTF-8 a lead byte never occurs inside another character, so a lead byte that
only Han characters have gives one away however its token is cut; Hangul's lead bytes (E1, E3, EA
to ED) are other ones, and those that both share are decided by the byte that follows. Pure.

Han: Unicode's Script=Han (radicals 2E80-2FDF, 3005, 3007, 3021-3029, 3038-303B, 3400-4DBF,
4E00-9FFF, F900-FAFF, 20000-323AF) and, because their lead byte is Han's, the hexagrams 4DC0-4DFF.
"""

import re
from collections.abc import Callable, Iterable

_HAN = re.compile(
    rb"[\xe4-\xe9]"
    rb"|\xe2(?:[\xba\xbb\xbc-\xbe]|\xbf[\x80-\x9f])"
    rb"|\xe3(?:[\x90-\xbf]|\x80[\x85\x87\xa1-\xa9\xb8-\xbb])"
    rb"|\xef[\xa4-\xab]"
    rb"|\xf0[\xa0-\xb3]"
)
_LENGTHS = ((0xF0, 4), (0xE0, 3), (0xC0, 2))


def has_han(data: bytes) -> bool:
    """Whether UTF-8, perhaps cut at both ends, holds a Han character or the start of nothing else."""
    return _HAN.search(data) is not None


def open_end(data: bytes) -> bytes:
    """The bytes at the end that are the start of a character not yet whole."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = next(length for lead, length in _LENGTHS if byte >= lead)
            return data[-back:] if length > back else b""
        if byte < 0x80:
            return b""
    return b""


class HanTokens:
    """Banned tokens of one vocabulary, by what the answer's open end is. Worked out once each."""

    def __init__(self, n_vocab: int, piece: Callable[[int], bytes]) -> None:
        self._n_vocab = n_vocab
        self._piece = piece
        self._always: list[int] | None = None
        self._continuing: list[int] = []
        self._after: dict[bytes, list[int]] = {}

    def banned(self, end: bytes) -> Iterable[int]:
        """Tokens that must not follow text whose open end is `end`."""
        if self._always is None:
            self._always = [token for token in range(self._n_vocab) if has_han(self._piece(token))]
            han = set(self._always)
            self._continuing = [
                token
                for token in range(self._n_vocab)
                if token not in han and 0x80 <= next(iter(self._piece(token)), 0) < 0xC0
            ]
        if not end:
            return self._always
        if end not in self._after:
            more = [token for token in self._continuing if has_han(end + self._piece(token))]
            self._after[end] = self._always + more
        return self._after[end]
