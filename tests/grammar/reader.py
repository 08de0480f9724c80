"""Reads GBNF and says whether a text obeys it: a second opinion, independent of llama.cpp.

Rules become functions from a place in the text to all places where they may end.
"""

from collections.abc import Callable
from functools import cache

Ends = frozenset[int]
Matcher = Callable[[str, int], Ends]


def matches(grammar: str, text: str) -> bool:
    """Whether the whole text can be made by the grammar's root."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.split("\n"))

    @cache
    def rule(name: str, at: int) -> Ends:
        return parsed(name)(text, at)

    @cache
    def parsed(name: str) -> Matcher:
        return _Parser(rules[name], rule).alternatives()

    return len(text) in rule("root", 0)


class _Parser:
    def __init__(self, body: str, rule: Callable[[str, int], Ends]) -> None:
        self._body = body
        self._at = 0
        self._rule = rule

    def alternatives(self) -> Matcher:
        ways = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            ways.append(self._sequence())
        return lambda text, at: frozenset().union(*(way(text, at) for way in ways))

    def _sequence(self) -> Matcher:
        items: list[Matcher] = []
        while self._peek() not in ("", "|", ")"):
            items.append(self._repeated(self._item()))

        def run(text: str, at: int) -> Ends:
            places = frozenset({at})
            for item in items:
                places = frozenset().union(*(item(text, place) for place in places))
            return places

        return run

    def _item(self) -> Matcher:
        start = self._peek()
        if start == '"':
            literal = self._literal()
            return lambda text, at: frozenset({at + len(literal)} if text.startswith(literal, at) else ())
        if start == "[":
            return self._class()
        if start == "(":
            self._at += 1
            inside = self.alternatives()
            assert self._peek() == ")"
            self._at += 1
            return inside
        name = self._word()
        return lambda _text, at: self._rule(name, at)

    def _repeated(self, item: Matcher) -> Matcher:
        least, most = self._repeat()
        if (least, most) == (1, 1):
            return item

        def run(text: str, at: int) -> Ends:
            places, ends = frozenset({at}), frozenset({at} if least == 0 else ())
            for count in range(1, most + 1):
                places = frozenset().union(*(item(text, place) for place in places)) - ends
                if not places:
                    break
                ends |= places if count >= least else frozenset()
            return ends

        return run

    def _repeat(self) -> tuple[int, int]:
        many = 10_000
        sign = self._body[self._at : self._at + 1]
        known = {"*": (0, many), "+": (1, many), "?": (0, 1)}
        if sign in known and sign:
            self._at += 1
            return known[sign]
        if sign != "{":
            return 1, 1
        end = self._body.index("}", self._at)
        least, comma, most = self._body[self._at + 1 : end].partition(",")
        self._at = end + 1
        return int(least), int(most) if most else (many if comma else int(least))

    def _literal(self) -> str:
        self._at += 1
        letters = []
        while self._body[self._at] != '"':
            letters.append(self._letter())
        self._at += 1
        return "".join(letters)

    def _class(self) -> Matcher:
        self._at += 1
        negated = self._body[self._at] == "^"
        self._at += negated
        ranges = []
        while self._body[self._at] != "]":
            low = high = self._letter()
            if self._body[self._at] == "-" and self._body[self._at + 1] != "]":
                self._at += 1
                high = self._letter()
            ranges.append((low, high))
        self._at += 1

        def run(text: str, at: int) -> Ends:
            letter = text[at : at + 1]
            inside = any(low <= letter <= high for low, high in ranges)
            return frozenset({at + 1} if letter and inside != negated else ())

        return run

    def _letter(self) -> str:
        letter = self._body[self._at]
        self._at += 1
        if letter != "\\":
            return letter
        escaped = self._body[self._at]
        self._at += 1
        if escaped == "x":
            self._at += 2
            return chr(int(self._body[self._at - 2 : self._at], 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(escaped, escaped)

    def _word(self) -> str:
        start = self._at
        while self._at < len(self._body) and (self._body[self._at].isalnum() or self._body[self._at] == "-"):
            self._at += 1
        assert self._at > start, self._body[start:]
        return self._body[start : self._at]

    def _peek(self) -> str:
        while self._body[self._at : self._at + 1] == " ":
            self._at += 1
        return self._body[self._at : self._at + 1]
