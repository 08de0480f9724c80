"""Requests that were being worked on when the model process died, so that none kills it for ever.

Remembered as keyed hashes in memory: a request and its repetition are the same, and neither
text nor hash is of use to anybody else. Pure.
"""

import hashlib
from collections import OrderedDict

import msgspec

from appliance.protocol.messages import Generate

MOST_STRIKES = 2
MOST_REMEMBERED = 1024


class Suspects:
    """How many deaths each request was present at; the oldest are forgotten first."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._strikes: OrderedDict[bytes, int] = OrderedDict()

    def refuses(self, request: Generate) -> bool:
        """Whether this request has ended the process often enough."""
        return bool(self._strikes) and self._strikes.get(self._name(request), 0) >= MOST_STRIKES

    def present(self, request: Generate) -> bool:
        """It was being worked on at a death; False when that was once too often."""
        name = self._name(request)
        self._strikes[name] = self._strikes.pop(name, 0) + 1
        if len(self._strikes) > MOST_REMEMBERED:
            self._strikes.popitem(last=False)
        return self._strikes[name] < MOST_STRIKES

    def acquit(self, request: Generate) -> None:
        """It was answered: whatever it was, it was not this one."""
        if self._strikes:
            self._strikes.pop(self._name(request), None)

    def _name(self, request: Generate) -> bytes:
        content = msgspec.structs.replace(request, id="", deadline_s=1.0)
        return hashlib.blake2b(msgspec.msgpack.encode(content), key=self._key, digest_size=16).digest()
