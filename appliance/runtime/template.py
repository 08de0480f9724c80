"""The chat template of a GGUF: code from a stranger, rendered in a sandbox with a budget.

CVE-2024-34359: a template was rendered unsandboxed and ran commands. Here: Jinja2's immutable
sandbox, no filters or methods that make text grow out of nothing, a limit on executed lines
and on output. What remains is a process without files, network or other programs.

A model without a template gets PLAIN_TEMPLATE: "Role: content" lines, the answer ending
where the next "User:" line would begin. A template that knows no tools gets them as part of the
system's message (asking.py).
"""

import json
import re
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from appliance.protocol.messages import NO_TOOLS, Tools, Turn
from appliance.runtime import asking, roles
from appliance.runtime.calls import notation_of

PROBE = "PROBE-7f3a"
MAX_LINES = 500_000
MAX_FACTOR = 4  # output may be so many times the conversation,
MAX_EXTRA_CHARS = 100_000  # and so much more
MAX_MADE_CHARS = 100_000  # by one multiplication or formatting

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}\n\n{% endfor %}"
    "Assistant:"
)
PLAIN_STOPS = ("\nUser:", "\nSystem:")

GROWING_METHODS = {"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map", "to_bytes"}
GROWING_FILTERS = ("center", "format", "indent", "wordwrap", "urlize", "xmlattr", "pprint", "filesizeformat")


class BadTemplate(Exception):
    """The template cannot be used, or refuses this conversation."""


class Refusal(BadTemplate):
    """The template itself refuses this order of turns."""


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%", "<<"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in GROWING_METHODS and super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        small = numbers and abs(left) < 2**31 and abs(right) < 64
        repeats = operator == "*" and isinstance(left, str) and isinstance(right, int)
        if small or (numbers and operator in "*%") or (repeats and len(left) * right < MAX_MADE_CHARS):
            return super().call_binop(context, operator, left, right)
        raise BadTemplate(f"operator {operator}")


class ChatTemplate:
    """A compiled template. `control` are the texts of control tokens: in messages they are defused."""

    def __init__(self, source: str, bos: str, eos: str, control: Sequence[str]) -> None:
        self.stops = () if source else PLAIN_STOPS
        self.notation = notation_of(source)
        self._names = {"bos_token": bos, "eos_token": eos, "add_generation_prompt": True}
        self._control = re.compile(
            "|".join(map(re.escape, sorted(control, key=len, reverse=True))) or r"\Z\A."
        )
        try:
            self._template = _environment().from_string(source or PLAIN_TEMPLATE)
        except (TemplateError, RecursionError, SyntaxError, ValueError) as error:
            raise BadTemplate(type(error).__name__) from None
        self._hears_system = self._is_heard(Turn("system", PROBE))

    def render(self, turns: Sequence[Turn], tools: Tools = NO_TOOLS, values: str = "") -> str:
        """The prompt for these turns; `values` is a JSON object of further names. Raises BadTemplate.

        A template that would leave out the system's turn or refuses the order of turns gets the same
        words in an order it takes (roles.py).
        """
        turns = turns if self._hears_system else roles.without_system(turns)
        try:
            return self._rendered(turns, tools, values)
        except Refusal:
            return self._rendered(roles.taking_turns(roles.without_system(turns)), tools, values)

    def _is_heard(self, turn: Turn) -> bool:
        """Whether a turn of this kind before a user's comes through."""
        try:
            return turn.content in self._rendered([turn, Turn("user", "?")], NO_TOOLS, "")
        except BadTemplate:
            return False

    def _rendered(self, turns: Sequence[Turn], tools: Tools, values: str) -> str:
        offered = () if tools.choice == "none" else tools.offered
        if self.notation is None and (offered or any(turn.calls or turn.role == "tool" for turn in turns)):
            turns, offered = asking.in_plain_words(turns, offered), ()
        messages = [self._defused(asking.message(turn)) for turn in turns]
        described = [self._defused(asking.description(tool)) for tool in offered]
        given = {**_values(values), **self._names, "messages": messages, "tools": described or None}
        most = MAX_FACTOR * len(json.dumps([messages, described], ensure_ascii=False)) + MAX_EXTRA_CHARS
        try:
            return _render(self._template, most, given)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise BadTemplate(type(error).__name__) from None
        except (RecursionError, MemoryError):
            raise BadTemplate("too large") from None

    def _defused(self, value: Any) -> Any:
        """Break every control token's text with a word joiner: it stays legible, and is plain text."""
        if isinstance(value, str):
            return self._control.sub(lambda match: f"{match[0][0]}\u2060{match[0][1:]}", value)
        if isinstance(value, dict):
            return {key: self._defused(item) for key, item in value.items()}
        return [self._defused(item) for item in value] if isinstance(value, list) else value


def _values(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text or "{}")
    except ValueError:
        raise BadTemplate("template values") from None
    if not isinstance(values, dict):
        raise BadTemplate("template values")
    return values


def _environment() -> _Sandbox:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    for name in ("lipsum", "cycler", "joiner"):
        del environment.globals[name]
    for name in GROWING_FILTERS:
        del environment.filters[name]
    environment.globals["raise_exception"] = _raise_exception
    environment.filters["tojson"] = _to_json
    return environment


def _raise_exception(_message: object) -> None:
    raise Refusal("refused by the template")


def _to_json(value: object, indent: int | None = None) -> str:
    """As Hugging Face renders it: not escaped for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent if indent in (None, 2, 4) else None)


def _render(template: Template, most: int, names: dict[str, Any]) -> str:
    """Render with a budget of executed Python lines, counted by a trace function, and of output."""
    lines = 0

    def count(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += 1
        if lines > MAX_LINES:
            raise BadTemplate("too slow")
        return count

    parts: list[str] = []
    size = 0
    before = sys.gettrace()
    sys.settrace(count)
    try:
        for part in template.generate(names):
            parts.append(part)
            size += len(part)
            if size > most:
                raise BadTemplate("too long")
    finally:
        sys.settrace(before)
    return "".join(parts)
