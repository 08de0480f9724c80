"""What the processes say on standard error: one line an event, as text or as JSON. Never what people write.

An exception is told by its type and its place, not by its message: messages of libraries quote what they
were given, and that may be a prompt.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

NOISY = ("alembic",)
# What a terminal obeys or is turned by: C0 without tab and line end, DEL, C1, marks of writing direction.
_OBEYED = [*range(9), *range(11, 32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_HARMLESS = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _OBEYED}

# Not state of ours but of the task that runs: each request sees its own.
REQUEST: ContextVar[str] = ContextVar("request", default="")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class TextLines(logging.Formatter):
    """LEVEL logger message, for a person or a journal."""

    def format(self, record: logging.LogRecord) -> str:
        request = f" [{REQUEST.get()}]" if REQUEST.get() else ""
        line = f"{record.levelname} {record.name} {record.getMessage()}{request}"
        return "\n".join((line.replace("\n", " "), *_trace(record.exc_info)))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, process, logger, message; request and trace where there are."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if REQUEST.get():
            line["request"] = REQUEST.get()
        if trace := _trace(record.exc_info):
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False)


def harmless(text: str) -> str:
    """The text with what a terminal would obey written out: a taken-over process chooses its words."""
    return text.translate(_HARMLESS)


def one_line(text: str) -> str:
    """The same for what must not begin a line of its own."""
    return harmless(text).replace("\n", "\\n")


def start(level: str, form: str, process: str) -> None:
    """From here on this process's log lines go to standard error in this form."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form, process))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(form: str, process: str) -> logging.Formatter:
    return JsonLines(process) if form == "json" else TextLines()


def _trace(raised: ExcInfo | None) -> list[str]:
    """Type and place of an exception and of those that led to it, outermost last; no messages."""
    lines: list[str] = []
    error = raised[1] if raised else None
    while error is not None and len(lines) < 200:
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        lines.append(type(error).__name__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines
