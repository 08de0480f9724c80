"""Frames on their way out: text merges while its reader has no credit left, so it costs one string a part.

Never blocks. A request's last frame carries whatever text was held back just before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from appliance.protocol.messages import INITIAL_CREDIT, Failed, Finished, FromRuntime, Token


@dataclass(slots=True)
class _Reader:
    credit: int = INITIAL_CREDIT
    held: list[Token] = field(default_factory=list)

    def hold(self, frame: Token) -> None:
        """Keep it, as part of the last one held if both are the same part of the answer."""
        last = self.held[-1] if self.held else None
        if last is None or frame.name or (last.part, last.index) != (frame.part, frame.index):
            self.held.append(frame)
            return
        self.held[-1] = msgspec.structs.replace(
            last, text=last.text + frame.text, chosen=(*last.chosen, *frame.chosen)
        )


class Outbox:
    """One reader per open request. `send` must not block."""

    def __init__(self, send: Callable[[FromRuntime], None]) -> None:
        self.send = send
        self._readers: dict[str, _Reader] = {}

    def open(self, request_id: str) -> None:
        """A request was accepted."""
        self._readers[request_id] = _Reader()

    def say(self, request_id: str, frames: list[Token]) -> None:
        """More of its answer: sent now, or merged into the next frames when credit comes."""
        if frames:
            reader = self._readers[request_id]
            for frame in frames:
                reader.hold(frame)
            self._flush(reader)

    def credit(self, request_id: str, frames: int) -> None:
        """The reader has taken frames; a request that ended meanwhile is none of ours any more."""
        reader = self._readers.get(request_id)
        if reader is not None and frames > 0:
            reader.credit = min(INITIAL_CREDIT, reader.credit + frames)
            self._flush(reader)

    def end(self, last: Finished | Failed) -> None:
        """The last frame of a request."""
        for frame in self._readers.pop(last.id).held:
            self.send(frame)
        self.send(last)

    def _flush(self, reader: _Reader) -> None:
        while reader.credit > 0 and reader.held:
            reader.credit -= 1
            self.send(reader.held.pop(0))
