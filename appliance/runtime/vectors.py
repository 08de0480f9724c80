"""Who waits for a vector: payers in turn, a chunk of one text each time the engine makes a step."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from appliance.protocol.messages import Embed, Embedded, Failed, FromRuntime
from appliance.runtime.device import DecodeFailed, Device


@dataclass(slots=True)
class _Text:
    id: str
    tokens: list[int]


class Vectors:
    """The texts that wait, by payer. `send` must not block."""

    def __init__(self, device: Device, limit: int, send: Callable[[FromRuntime], None]) -> None:
        self._device = device
        self._limit = limit
        self._send = send
        self._waiting: dict[str, deque[_Text]] = {}
        self._now: _Text | None = None

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or self._now is not None

    def add(self, request: Embed) -> None:
        """Let it wait, or say why not."""
        given = request.input
        tokens = self._device.tokenize(given, special=True) if isinstance(given, str) else list(given)
        if not tokens or not all(0 <= token < self._device.n_vocab for token in tokens):
            self._send(Failed(id=request.id, code="bad_request"))
        elif len(tokens) > self._device.embedding_ctx:
            n_ctx = self._device.embedding_ctx
            self._send(Failed(id=request.id, code="context_too_long", prompt_tokens=len(tokens), n_ctx=n_ctx))
        elif sum(map(len, self._waiting.values())) >= self._limit:
            self._send(Failed(id=request.id, code="queue_full", retry_after_s=5))
        else:
            self._waiting.setdefault(request.fair_key, deque()).append(_Text(request.id, tokens))

    def cancel(self, request_id: str) -> None:
        """Nobody wants it any more."""
        if self._now is not None and self._now.id == request_id:
            self._now = None
        for payer, texts in list(self._waiting.items()):
            self._waiting[payer] = deque(one for one in texts if one.id != request_id)
            if not self._waiting[payer]:
                del self._waiting[payer]

    def step(self) -> None:
        """Read one chunk."""
        try:
            if self._now is None:
                self._now = self._next()
                if self._now is None:
                    return
                self._device.start_text()
            if self._device.read_text(self._now.tokens):
                vector = self._device.vector()
                self._send(Embedded(self._now.id, vector, len(self._now.tokens)))
                self._now = None
        except DecodeFailed:
            if self._now is not None:
                self._send(Failed(id=self._now.id, code="internal"))
            self._now = None

    def _next(self) -> _Text | None:
        """The first text of the payer whose turn it is, who goes to the end of the line."""
        payer = next(iter(self._waiting), None)
        if payer is None:
            return None
        texts = self._waiting.pop(payer)
        text = texts.popleft()
        if texts:
            self._waiting[payer] = texts
        return text
