"""An answer as it passes the policy's screen, part by part, on its way to the reader.

Reasoning, text and the arguments of each tool call are screened as texts of their own; a part that
ends gives out what its screen still held. The odds of tokens go along with the text they stand
for; once something was masked in a part no more odds are shown of it: they would tell what it was.
"""

from collections import Counter, deque
from collections.abc import Callable

import msgspec

from appliance.policy.detectors.own import Own
from appliance.policy.model import Rulings
from appliance.policy.stream import StreamScanner
from appliance.protocol.messages import Chosen, Token


class Hearing:
    """Feeds on the runtime's Token frames. `blocked`: the rules that end the answer here.

    `reasoning_s`: seconds from the first to the last piece of reasoning, as `now` counts them.
    """

    def __init__(self, screen: Callable[[], StreamScanner], now: Callable[[], float]) -> None:
        self._screen = screen
        self._now = now
        self._thought_since: float | None = None
        self.reasoning_s = 0.0
        self._part: _Part | None = None
        self._detections: Counter[str] = Counter()
        self.found: Counter[str] = Counter()  # of parts that ended: by detector and level
        self._texts: dict[str, list[str]] = {"text": [], "reasoning": []}
        self._calls: list[tuple[str, list[str]]] = []
        self.blocked: tuple[str, ...] = ()
        self.frames = 0

    def adopt(self, rulings: Rulings, own: Own) -> None:
        """From now on follow other rules: the policy changed while the answer was being made."""
        if self._part is not None:
            self._part.screen.adopt(rulings, own)

    @property
    def detections(self) -> dict[str, int]:
        """What was masked or blocked, by kind."""
        part = self._part.screen.detections if self._part else {}
        return dict(self._detections + Counter(part))

    @property
    def text(self) -> str:
        return "".join(self._texts["text"])

    @property
    def reasoning(self) -> str:
        return "".join(self._texts["reasoning"])

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """Name and arguments of each tool call."""
        return tuple((name, "".join(arguments)) for name, arguments in self._calls)

    def feed(self, frame: Token) -> list[Token]:
        """What may be shown now that this frame came."""
        if self.blocked:
            return []
        self.frames += 1
        if frame.part == "reasoning":
            self._thought_since = self._now() if self._thought_since is None else self._thought_since
            self.reasoning_s = self._now() - self._thought_since
        shown: list[Token] = []
        if self._part is None or frame.name or not self._part.goes_on(frame):
            shown += self.finish()
            if self.blocked:
                return shown
            self._part = _Part(frame, self._screen())
            if frame.part == "call":
                self._calls.append((frame.name, []))
                shown.append(Token(frame.id, "", "call", frame.index, frame.name))
        return [*shown, *self._heard(self._part.feed(frame))]

    def finish(self) -> list[Token]:
        """What the screen of the last part still held."""
        if self._part is None:
            return []
        shown = self._heard(self._part.finish())
        self._detections.update(self._part.screen.detections)
        self.found.update(self._part.screen.found)
        self._part = None
        return shown

    def _heard(self, shown: Token | None) -> list[Token]:
        if self._part is not None:
            self.blocked = self.blocked or self._part.screen.blocked
        if shown is None:
            return []
        if shown.part == "call":
            self._calls[-1][1].append(shown.text)
        else:
            self._texts[shown.part].append(shown.text)
        return [shown]


class _Part:
    """One stretch of one part: its screen, and the odds of what the screen holds back."""

    def __init__(self, first: Token, screen: StreamScanner) -> None:
        self._first = first
        self.screen = screen
        self._raw = ""
        self._chosen: deque[Chosen] = deque()
        self._chars_due = 0
        self._masked = False

    def goes_on(self, frame: Token) -> bool:
        return (frame.part, frame.index) == (self._first.part, self._first.index)

    def feed(self, frame: Token) -> Token | None:
        self._raw += frame.text
        self._chosen.extend(frame.chosen)
        return self._shown(self.screen.feed(frame.text), last=False)

    def finish(self) -> Token | None:
        return self._shown(self.screen.finish(), last=True)

    def _shown(self, text: str, *, last: bool) -> Token | None:
        chosen = self._odds(text, last=last)
        if not text and not chosen:
            return None
        return msgspec.structs.replace(self._first, text=text, name="", chosen=chosen)

    def _odds(self, text: str, *, last: bool) -> tuple[Chosen, ...]:
        self._masked = self._masked or bool(self.screen.detections) or not self._raw.startswith(text)
        if self._masked:
            self._raw = ""
            self._chosen.clear()
            return ()
        self._raw = self._raw[len(text) :]
        self._chars_due += len(text)
        released: list[Chosen] = []
        while self._chosen and (last or self._chosen[0].chars <= self._chars_due):
            self._chars_due -= self._chosen[0].chars
            released.append(self._chosen.popleft())
        return tuple(released)
