"""Bytes of tokens to whole characters.

A Hangul syllable is three bytes and often two or three tokens: what is not yet a whole
character waits for the next token. Bytes that can never become a character (a small model
sometimes breaks off inside a syllable) carry nothing and are left out, so the replacement
character U+FFFD is never made here.
"""

import codecs


class Utf8Stream:
    """Feeds on pieces of UTF-8, cut anywhere; gives back whole characters."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")

    def feed(self, piece: bytes) -> str:
        """The characters completed by `piece`; an unfinished one is kept until its end comes."""
        return self._decoder.decode(piece)
