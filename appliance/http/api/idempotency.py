"""Idempotency-Key on POST: the same request again gets the same answer, and the model is not asked twice.

After the IETF draft "The Idempotency-Key HTTP Header Field": one answer for each credential, key
and address; another body under the same key is 422, a request that still runs is 409. Answers are
kept in this process's memory alone, for a day at most and within bounds; failures are not kept, so
that they can be tried again. Credentials are looked at before anything is given out.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appliance.clock import Clock
from appliance.errors import N_, Conflict, InvalidInput, NaesilError
from appliance.http.api import errors
from appliance.http.api.access import caller

HEADER = "idempotency-key"
MAX_KEY = 255
KEPT_S = 24 * 3600.0
MOST_KEPT = 1000
MOST_KEPT_EACH = 100
MOST_BYTES = 16 << 20
MOST_BYTES_EACH = 1 << 20
_NOT_REPEATED = ("x-request-id", "date", "content-length")


class Reused(InvalidInput):
    """The key was used with another body."""

    code = "idempotency_key_reused"


@dataclass(slots=True)
class _Answer:
    """`messages` is None while the first request runs; then what it sent."""

    user_id: str
    body: bytes
    at: float
    messages: list[Message] | None = None
    size: int = 0


@dataclass(slots=True)
class Answers:
    """What is kept, oldest first. Belongs to the event loop."""

    clock: Clock
    kept: OrderedDict[bytes, _Answer] = field(default_factory=OrderedDict)

    def find(self, key: bytes) -> _Answer | None:
        """The answer, if it is not too old."""
        found = self.kept.get(key)
        if found is not None and self.clock.monotonic() - found.at > KEPT_S:
            del self.kept[key]
            return None
        return found

    def begin(self, key: bytes, user_id: str, body: bytes) -> _Answer:
        answer = self.kept[key] = _Answer(user_id, body, self.clock.monotonic())
        self._bound(user_id)
        return answer

    def drop(self, key: bytes) -> None:
        self.kept.pop(key, None)

    def _bound(self, user_id: str) -> None:
        """Nobody's answers push out another's before their own."""
        own = [key for key, answer in self.kept.items() if answer.user_id == user_id]
        for key in own[:-MOST_KEPT_EACH]:
            del self.kept[key]
        while len(self.kept) > MOST_KEPT or sum(one.size for one in self.kept.values()) > MOST_BYTES:
            self.kept.popitem(last=False)


class Idempotency:
    """ASGI middleware inside the API."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self.app = app
        self._answers = Answers(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get(HEADER, "") if scope["type"] == "http" else ""
        if not given or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        try:
            await self._answer(given, scope, receive, send)
        except NaesilError as error:
            await errors.response(error, scope["path"])(scope, receive, send)

    async def _answer(self, given: str, scope: Scope, receive: Receive, send: Send) -> None:
        if len(given) > MAX_KEY or not given.isascii() or not given.isprintable():
            raise InvalidInput(
                N_("An Idempotency-Key has 1 to %(most)d printable ASCII characters."),
                field=HEADER,
                most=MAX_KEY,
            )
        principal = await caller(Request(scope))
        first = await receive()  # BodyLimit gives the whole body at once
        body = hashlib.sha256(first.get("body", b"")).digest()
        key = _digest(principal.user_id, principal.credential_id, scope["path"], given)
        found = self._answers.find(key)
        if found is not None:
            await _repeat(found, body, send)
            return
        answer = self._answers.begin(key, principal.user_id, body)
        recorder = _Recorder(send)
        try:
            await self.app(scope, _replayed(first, receive), recorder)
        finally:
            if recorder.complete:
                answer.messages, answer.size = recorder.messages, recorder.size
            else:
                self._answers.drop(key)


class _Recorder:
    """Passes an answer on and keeps it, if it is a success and not too large."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._ended = False
        self.messages: list[Message] = []
        self.size = 0

    @property
    def complete(self) -> bool:
        whole = self._ended and self.size <= MOST_BYTES_EACH and _status(self.messages) < 300
        return whole and not any(b'"error":' in message.get("body", b"")[:64] for message in self.messages)

    async def __call__(self, message: Message) -> None:
        self.size += len(message.get("body", b""))
        if self.size <= MOST_BYTES_EACH:
            self.messages.append(message)
        await self._send(message)
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)


async def _repeat(found: _Answer, body: bytes, send: Send) -> None:
    if found.body != body:
        raise Reused(N_("This Idempotency-Key was used with another request. Use a new one."), field=HEADER)
    if found.messages is None:
        raise Conflict(
            N_("The request with this Idempotency-Key is still running. Ask again later."), field=HEADER
        )
    for message in found.messages:
        await send(_again(message) if message["type"] == "http.response.start" else message)


def _again(start: Message) -> Message:
    kept = [pair for pair in start["headers"] if pair[0].decode().lower() not in _NOT_REPEATED]
    return {**start, "headers": [*kept, (b"idempotent-replayed", b"true")]}


def _replayed(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _status(messages: list[Message]) -> int:
    return int(messages[0]["status"]) if messages else 500


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
