"""What an answer says, part by part: reasoning, text, tool calls; stop strings end the text.

Stop strings count in the text alone: one inside a tool's arguments would break their JSON, and
one inside the reasoning would end an answer nobody has seen yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.protocol.messages import Part
from appliance.runtime.calls import CLOSE, OPEN, JsonEnd, Notation, read_header
from appliance.runtime.stopping import StopStrings
from appliance.runtime.thinking import Thinking, held_back

Mode = Literal["thinking", "text", "call"]


@dataclass(frozen=True, slots=True)
class Said:
    """Text of one part; for a call its number, and its name where it begins."""

    part: Part
    text: str
    index: int = 0
    name: str = ""


class Speech:
    """One answer. `stopped`: a stop string came. `calls`: whole tool calls so far."""

    def __init__(self, stop: StopStrings, *, opened: bool, calls: "CallReader | None" = None) -> None:
        self._stop = stop
        self._thinking = Thinking(opened=opened)
        self._calls = calls

    @property
    def stopped(self) -> bool:
        return self._stop.stopped

    @property
    def stop_string(self) -> str:
        return self._stop.found

    @property
    def calls(self) -> int:
        return self._calls.whole if self._calls else 0

    @property
    def mode(self) -> Mode:
        """What the next token will be part of, as far as is known."""
        if self._thinking.inside:
            return "thinking"
        return "call" if self._calls and self._calls.inside else "text"

    def feed(self, text: str) -> list[Said]:
        """What can be shown now that `text` came."""
        reasoning, answer = self._thinking.feed(text)
        return [*_reasoning(reasoning), *self._answer(answer)]

    def finish(self) -> list[Said]:
        """What was held back and turned out to be just text."""
        reasoning, answer = self._thinking.finish()
        said = [*_reasoning(reasoning), *self._answer(answer)]
        if self._calls:
            said += self._stopping(self._calls.finish())
        rest = self._stop.finish()
        return [*said, Said("text", rest)] if rest else said

    def _answer(self, text: str) -> list[Said]:
        if not text:
            return []
        return list(self._stopping(self._calls.feed(text) if self._calls else [Said("text", text)]))

    def _stopping(self, said: list[Said]) -> Iterator[Said]:
        for one in said:
            if one.part != "text":
                yield one
            elif not self._stop.stopped and (shown := self._stop.feed(one.text)):
                yield Said("text", shown)


class CallReader:
    """Tool calls out of the text after the reasoning. `names`: the tools that may be called."""

    def __init__(self, notation: Notation, names: frozenset[str]) -> None:
        self._bare = notation is Notation.BARE
        self._names = names
        self._state: Literal["text", "header", "arguments", "tail", "over"] = "text"
        self._held = ""
        self._end = JsonEnd()
        self._spoken = False  # some text other than blanks was given out
        self._begun = 0
        self.whole = 0

    @property
    def inside(self) -> bool:
        return self._state in ("header", "arguments", "tail")

    def feed(self, text: str) -> list[Said]:
        self._held += text
        said: list[Said] = []
        moved = True
        while moved:
            state, held = self._state, self._held
            said += self._step()
            moved = (state, held) != (self._state, self._held)
        return said

    def finish(self) -> list[Said]:
        """What was held back: text that turned out to be no call."""
        held, self._held = self._held, ""
        if self._state == "header":
            return [Said("text", held if self._bare else OPEN + held)]
        if self._state != "text" or not (held if not self.whole else held.strip()):
            return []
        return [Said("text", held)]

    def _step(self) -> list[Said]:
        if self._state == "text":
            return self._bare_text() if self._bare else self._text()
        if self._state == "header":
            return self._header()
        if self._state == "arguments":
            return self._arguments()
        return self._tail() if self._state == "tail" else self._over()

    def _text(self) -> list[Said]:
        at = self._held.find(OPEN)
        if at >= 0:
            text, self._held = self._held[:at].rstrip(), self._held[at + len(OPEN) :]
            self._state = "header"
            return self._speak(text)
        shown = self._held[: len(self._held) - held_back(self._held, OPEN)].rstrip()
        self._held = self._held[len(shown) :]
        return self._speak(shown)

    def _bare_text(self) -> list[Said]:
        start = self._held.lstrip()
        if start.startswith("{") and not self._spoken:
            self._state = "header"
            return []
        text, self._held = (self._held, "") if start else ("", self._held)
        return self._speak(text)

    def _speak(self, text: str) -> list[Said]:
        self._spoken = self._spoken or bool(text)
        return [Said("text", text)] if text else []

    def _header(self) -> list[Said]:
        found = read_header(self._held, self._names)
        if found is None:
            return []
        if isinstance(found, bool):
            text, self._held = (self._held if self._bare else OPEN + self._held), ""
            self._state, self._spoken = "text", True
            return [Said("text", text)]
        name, self._held = found
        self._state, self._end = "arguments", JsonEnd()
        self._begun += 1
        return [Said("call", "", self._begun - 1, name)]

    def _arguments(self) -> list[Said]:
        end = self._end.feed(self._held)
        text, self._held = (self._held, "") if end is None else (self._held[:end], self._held[end:])
        if end is not None:
            self._state = "tail"
        return [Said("call", text, self._begun - 1)] if text else []

    def _tail(self) -> list[Said]:
        closing = "}" if self._bare else CLOSE
        at = self._held.find(closing)
        if at >= 0:
            self._held = self._held[at + len(closing) :]
            self.whole += 1
            self._state = "over" if self._bare else "text"
        return []

    def _over(self) -> list[Said]:
        self._held = ""
        return []


def _reasoning(text: str) -> list[Said]:
    return [Said("reasoning", text)] if text else []
