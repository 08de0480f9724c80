"""Frames on their way out: text merges while its reader has no credit left, so it costs one string.

Never blocks. A request's last frame carries whatever text was held back just before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.protocol.messages import INITIAL_CREDIT, Failed, Finished, FromRuntime, Token


@dataclass(slots=True)
class _Reader:
    credit: int = INITIAL_CREDIT
    held: list[str] = field(default_factory=list)


class Outbox:
    """One reader per open request. `send` must not block."""

    def __init__(self, send: Callable[[FromRuntime], None]) -> None:
        self.send = send
        self._readers: dict[str, _Reader] = {}

    def open(self, request_id: str) -> None:
        """A request was accepted."""
        self._readers[request_id] = _Reader()

    def text(self, request_id: str, text: str) -> None:
        """More of its answer: sent now, or merged into the next frame when credit comes."""
        if text:
            reader = self._readers[request_id]
            reader.held.append(text)
            self._flush(request_id, reader)

    def credit(self, request_id: str, frames: int) -> None:
        """The reader has taken frames; a request that ended meanwhile is none of ours any more."""
        reader = self._readers.get(request_id)
        if reader is not None and frames > 0:
            reader.credit = min(INITIAL_CREDIT, reader.credit + frames)
            self._flush(request_id, reader)

    def end(self, last: Finished | Failed) -> None:
        """The last frame of a request."""
        reader = self._readers.pop(last.id)
        if reader.held:
            self.send(Token(last.id, "".join(reader.held)))
        self.send(last)

    def _flush(self, request_id: str, reader: _Reader) -> None:
        if reader.credit > 0 and reader.held:
            reader.credit -= 1
            self.send(Token(request_id, "".join(reader.held)))
            reader.held.clear()
