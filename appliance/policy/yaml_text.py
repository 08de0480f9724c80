"""Policy files as plain values with the line each came from.

A small, strict part of YAML 1.2: no anchors, aliases or tags, no repeated keys, one document,
at most 20 levels. `no` and `on` are words here, not truth values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from appliance.errors import N_, ConfigError

MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}$")
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}$")

Place = tuple[str | int, ...]


class PolicyError(ConfigError):
    """A policy file cannot be used: which file, which line, and what to do about it."""

    code = "policy_error"

    def __init__(self, template: str, *, file: Path, line: int, **params: Any) -> None:
        super().__init__(template, file=file, line=line, **params)
        self.file = file
        self.line = line


@dataclass(frozen=True, slots=True)
class PlainDocument:
    """The value of a file, and the line of every key and item by its way from the root."""

    file: Path
    value: object
    lines: dict[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of the nearest part of `place` that is written down."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def parse(file: Path, content: bytes) -> PlainDocument:
    """The value of one policy file's content. Raises PolicyError; `file` is only for its words."""
    text = _text(file, content)
    builder = _Builder(file)
    try:
        value = builder.document(iter(yaml.parse(text, Loader=yaml.CSafeLoader)))
    except yaml.MarkedYAMLError as error:
        raise _syntax(file, text, error) from None
    except yaml.reader.ReaderError as error:
        raise PolicyError(
            N_("%(file)s, line %(line)d: there is a character that YAML does not allow. Remove it."),
            file=file,
            line=text[: error.position].count("\n") + 1,
        ) from None
    return PlainDocument(file, value, builder.lines)


def _text(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError(
            N_("%(file)s, line %(line)d: not UTF-8. Save the file as UTF-8."),
            file=file,
            line=content[: error.start].count(b"\n") + 1,
        ) from None


def _syntax(file: Path, text: str, error: yaml.MarkedYAMLError) -> PolicyError:
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    lines = text.splitlines()
    for number in (line, line - 1):
        if 0 <= number < len(lines) and "\t" in lines[number]:
            return PolicyError(
                N_("%(file)s, line %(line)d: there is a tab. Indent with spaces."), file=file, line=number + 1
            )
    return PolicyError(
        N_("%(file)s, line %(line)d: not valid YAML (%(problem)s). Check the indentation and quotes."),
        file=file,
        line=line + 1,
        problem=error.problem,
    )


class _Builder:
    """Turns the parser's events into values; `lines` grows on the way. (Events are untyped in PyYAML.)"""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[Place, int] = {}

    def document(self, events: Iterator[Any]) -> object:
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(
                        N_("%(file)s, line %(line)d: a second document begins. Keep one."), event
                    )
                value = self._value(next(events), events, ())
        return value

    def _value(self, event: Any, events: Iterator[Any], place: Place) -> object:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error(
                N_("%(file)s, line %(line)d: anchors and aliases (& and *) are not used here. Write it out."),
                event,
            )
        if getattr(event, "tag", None):
            raise self._error(N_("%(file)s, line %(line)d: tags (!) are not used here. Remove it."), event)
        if len(place) > MAX_DEPTH:
            raise self._error(
                N_("%(file)s, line %(line)d: nested too deeply, more than %(most)d levels. Use fewer."),
                event,
                most=MAX_DEPTH,
            )
        self.lines.setdefault(place, event.start_mark.line + 1)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, place)
        return _scalar(event)

    def _sequence(self, events: Iterator[Any], place: Place) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._value(event, events, (*place, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(N_("%(file)s, line %(line)d: a key must be a single word."), event)
            key = event.value
            if key in values:
                raise self._error(
                    N_("%(file)s, line %(line)d: '%(key)s' is there twice. Keep one."), event, key=key[:80]
                )
            mark: Any = event.start_mark
            self.lines[(*place, key)] = mark.line + 1
            values[key] = self._value(next(events), events, (*place, key))
        return values

    def _error(self, template: str, event: Any, **params: object) -> PolicyError:
        return PolicyError(template, file=self.file, line=event.start_mark.line + 1, **params)


def _scalar(event: Any) -> object:
    value: str = event.value
    if event.style:  # quoted, or a block of text
        return value
    if value in ("true", "false"):
        return value == "true"
    if value in ("", "~", "null"):
        return None
    if _INTEGER.match(value):
        return int(value)
    return float(value) if _NUMBER.match(value) else value
