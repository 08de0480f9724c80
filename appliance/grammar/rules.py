"""A grammar being written: named rules, quoted text, and an end to how large it may grow.

The notation is llama.cpp's GBNF (grammars/README.md there): `name ::= alternatives`.
"""

import json

MAX_RULES = 4_000
MAX_CHARS = 200_000
MAX_REPEATS = 1_000

# No half of a surrogate pair on its own: it is JSON, but no text.
_ESCAPE = r'"\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2}))'
BASE = {
    "ws": r'| " " | "\n" [ \t]{0,20}',
    "char": rf'[^"\\\x7F\x00-\x1F] | {_ESCAPE}',
    "string": r'"\"" char* "\""',
    "natural": r'"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? natural',
    "fraction": '"." [0-9]{1,16}',
    "number": 'integer fraction? ([eE] [-+]? [0-9]{1,3})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "pair": 'string ws ":" ws value',
    "object": '"{" ws (pair ws ("," ws pair ws)*)? "}"',
    "array": '"[" ws (value ws ("," ws value ws)*)? "]"',
    "value": "object | array | string | number | boolean | null",
}  # fmt: skip
_USES = {
    "string": ("char",), "integer": ("natural",), "number": ("integer", "fraction"),
    "pair": ("string", "ws", "value"), "object": ("pair", "ws"), "array": ("value", "ws"),
    "value": ("object", "array", "string", "number", "boolean", "null"),
}  # fmt: skip


class TooLarge(Exception):
    """The grammar would pass MAX_RULES or MAX_CHARS."""


class Rules:
    """Named rules; `text` gives the grammar, which begins at `root`. `letter` begins names made here."""

    def __init__(self, letter: str = "r") -> None:
        self._letter = letter
        self._rules: dict[str, str] = {}
        self._chars = 0

    def base(self, name: str) -> str:
        """One of the BASE rules and what it uses; its name."""
        if name not in self._rules:
            self.put(name, BASE[name])
            for used in _USES.get(name, ()):
                self.base(used)
        return name

    def add(self, body: str) -> str:
        """A rule under a name of its own; the name."""
        name = self.fresh()
        self.put(name, body)
        return name

    def fresh(self) -> str:
        """A name nobody has; `put` gives it its body."""
        name = f"{self._letter}{len(self._rules)}"
        self._rules[name] = ""
        return name

    def put(self, name: str, body: str) -> None:
        """Raises TooLarge."""
        self._rules[name] = body
        self._chars += len(body)
        if len(self._rules) > MAX_RULES or self._chars > MAX_CHARS:
            raise TooLarge

    def text(self, root: str) -> str:
        return "\n".join([f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._rules.items())])


def either(one: str, other: str) -> str:
    """Texts of the one grammar or the other; they were made with different letters."""
    lines = [
        *one.replace("root ::=", "one ::=", 1).split("\n"),
        *other.replace("root ::=", "other ::=", 1).split("\n"),
    ]
    return "\n".join(["root ::= one | other", *dict.fromkeys(lines)])


def quote(text: str) -> str:
    """`text` as a literal."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def json_text(text: str) -> str:
    """`text` as a JSON string, quotes included; whatever the text, it is text again as UTF-8."""
    return json.dumps(text, ensure_ascii=any("\ud800" <= letter <= "\udfff" for letter in text))


def in_class(letter: str) -> str:
    """One letter as it stands in a [character class]."""
    escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return f"\\{letter}" if letter in "\\]^-[" else escapes.get(letter, letter)


def repeat(least: int, most: int | None) -> str:
    """How often something may come; empty for exactly once. Raises TooLarge."""
    if least > MAX_REPEATS or (most or 0) > MAX_REPEATS:
        raise TooLarge
    if (least, most) == (1, 1):
        return ""
    if most is None:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    return "?" if (least, most) == (0, 1) else f"{{{least},{most}}}"
