"""Length-prefixed msgpack frames: four bytes of big-endian length, then one message.

Pure encoding, so that both ends and the tests share it; reading from a socket is the
caller's business. A frame that is too long, cut short or not one of the expected types
is a FramingError: the peer is broken or hostile and the connection must end.
"""

from typing import Any, Generic, TypeVar

import msgspec

MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH_BYTES = 4
NONSENSE = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec may raise over bytes of somebody who was taken over; ValueError for text that is no UTF-8."""


class FramingError(Exception):
    """The byte stream is not a sequence of frames of the expected types."""


def encode(message: msgspec.Struct) -> bytes:
    """One whole frame, length first."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


T = TypeVar("T")


class Decoder(Generic[T]):
    """Turns bytes, in whatever pieces they arrive, into messages of one union of types."""

    def __init__(self, union: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(union)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[T]:
        """Every message completed by `data`, oldest first."""
        self._buffer += data
        messages: list[T] = []
        while len(self._buffer) >= _LENGTH_BYTES:
            length = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
            if length > MAX_FRAME_BYTES:
                raise FramingError(f"frame of {length} bytes")
            end = _LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            try:
                messages.append(self._decoder.decode(bytes(self._buffer[_LENGTH_BYTES:end])))
            except NONSENSE as error:
                raise FramingError(type(error).__name__) from None
            del self._buffer[:end]
        return messages
