"""Tool calls in a model's own notation: how they are asked for, and read back while they stream.

TAGGED  `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` (Hermes, Qwen, and our fallback prompt
        for templates that know no tools)
BARE    the answer is `{"name": ..., "parameters": {...}}` and nothing else (Llama 3)
"""

import json
import re
from collections.abc import Sequence
from enum import Enum

from appliance.grammar.rules import Rules, json_text, quote
from appliance.grammar.schema import value_rule
from appliance.protocol.messages import Tool, Tools

OPEN, CLOSE = "<tool_call>", "</tool_call>"
MAX_CALLS = 8
MAX_HEADER = 400
_HEADER = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=[{\["\w-])'
)


class Notation(Enum):
    TAGGED = "arguments"
    BARE = "parameters"


def notation_of(template: str) -> Notation | None:
    """How a chat template lets its model call tools; None when it does not, or in a way not known here."""
    if "tools" not in template:
        return None
    if OPEN in template:
        return Notation.TAGGED
    return Notation.BARE if '"parameters"' in template and "ipython" in template else None


def forced_grammar(tools: Tools, notation: Notation) -> str:
    """The whole answer is a call, or several where allowed. Raises SchemaRefused."""
    rules = Rules("c")
    wanted = [tool for tool in tools.offered if tools.only in ("", tool.name)]
    call = _call(rules, wanted, notation)
    if notation is Notation.BARE:
        return rules.text(call)
    one = f"{quote(OPEN)} ws {call} ws {quote(CLOSE)}"
    many = f"(ws {one}){{0,{MAX_CALLS - 1}}}" if tools.parallel and not tools.only else ""
    return rules.text(rules.add(f"{one} {many}"))


def opened_grammar(tools: Tools) -> str:
    """What follows an opening tag that the model wrote by itself. Raises SchemaRefused."""
    rules = Rules("c")
    return rules.text(f"ws {_call(rules, tools.offered, Notation.TAGGED)} ws {quote(CLOSE)}")


def _call(rules: Rules, tools: Sequence[Tool], notation: Notation) -> str:
    rules.base("ws")
    ways = []
    for tool in tools:
        schema = json.loads(tool.parameters) if tool.parameters else {}
        values = rules.base("object") if schema == {} else value_rule(rules, schema, strict=tool.strict)
        name, key = quote(json_text(tool.name)), quote(f'"{notation.value}"')
        ways.append(f'"{{" ws "\\"name\\"" ws ":" ws {name} ws "," ws {key} ws ":" ws {values} ws "}}"')
    return rules.add(" | ".join(ways))


class JsonEnd:
    """Finds where one JSON value ends in text that comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = self._scalar = False

    def feed(self, text: str) -> int | None:
        """How much of `text` still belongs to the value, if it ends in it."""
        for at, letter in enumerate(text):
            if self._in_string:
                self._string(letter)
                if not (self._in_string or self._depth):
                    return at + 1
            elif letter == '"':
                self._in_string = True
            elif letter in "{[":
                self._depth += 1
            elif self._scalar and not self._depth and letter in ",}] \n\t":
                return at
            elif letter in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    return at + 1
            else:
                self._scalar = True
        return None

    def _string(self, letter: str) -> None:
        if self._escaped:
            self._escaped = False
        elif letter == "\\":
            self._escaped = True
        elif letter == '"':
            self._in_string = False


def read_header(text: str, names: frozenset[str]) -> tuple[str, str] | bool | None:
    """(tool's name, what follows of its arguments); None: more text is needed; False: this is no call."""
    found = _HEADER.match(text)
    if found is None:
        return None if len(text) < MAX_HEADER and text.lstrip()[:1] in ("", "{") else False
    try:
        name = json.loads(found[1])
    except ValueError:
        return False
    return (name, text[found.end() :]) if name in names else False
